"""What calls by MCP did is kept for a month, whatever is set for conversations."""

from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from accounts_app.models import User
from chat_app import retention
from chat_app.models import Change, Conversation, ToolCall, Turn
from chat_app.retention import purge_conversations

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kept", [timedelta(days=365), timedelta(0)])
def test_what_calls_by_mcp_did_goes_after_a_month(
    alice: User, kept: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    conversation = Conversation.objects.create(user=alice)
    old, now = timezone.now() - timedelta(days=32), timezone.now()
    for number in range(5):
        turn = Turn.objects.create(user=alice, state="done", started_at=old)
        ToolCall.objects.create(turn=turn, call_id=str(number), tool="create_tasks", result={})
        Change.objects.create(
            turn=turn, position=0, kind="task", action="created", object_id=number, version_after=1
        )
    recent = Turn.objects.create(user=alice, state="done", started_at=now - timedelta(days=30))
    of_conversation = Turn.objects.create(user=alice, conversation=conversation, state="done", started_at=old)
    with override_settings(CONVERSATIONS_KEPT=kept):
        assert purge_conversations() == 0
    assert set(Turn.objects.all()) == {recent, of_conversation}
    assert not ToolCall.objects.exists()
    assert not Change.objects.exists()
