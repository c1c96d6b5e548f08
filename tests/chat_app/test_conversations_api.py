"""Conversations and their messages."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from accounts_app.models import User
from chat_app.history import append
from chat_app.language_models import Line, ToolCall
from chat_app.models import Conversation, DayOfUse, Message, Turn
from chat_app.retention import purge_conversations

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], APIClient]


@pytest.fixture
def conversation(alice: User) -> Conversation:
    conversation = Conversation.objects.create(user=alice, title="Rent")
    turn = Turn.objects.create(user=alice, conversation=conversation, state="done")
    call = ToolCall("call_1", "list_tasks", {"q": "rent"})
    lines = [Line("user", "rent?"), Line("assistant", "", [call]), Line("tool", "{}", call_id="call_1")]
    append(conversation, turn, [*lines, Line("assistant", "None.", provider_state={"secret": 1})], tokens=3)
    return conversation


def test_create_read_change_delete(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    created = client.post("/api/conversations", {"title": "Groceries"})
    assert created.status_code == 201
    body = created.json()
    url = created["Location"]
    assert url == f"/api/conversations/{body['id']}"
    assert (body["title"], body["archived"]) == ("Groceries", False)
    assert client.get(url).json() == body
    changed = client.patch(url, {"title": "Food", "archived": True}).json()
    assert (changed["title"], changed["archived"]) == ("Food", True)
    assert client.get("/api/conversations").json()["results"] == []
    (listed,) = client.get("/api/conversations?archived=true").json()["results"]
    assert listed["id"] == body["id"]
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_pages_newest_first(alice: User, bob: User, client_of: ClientOf) -> None:
    now = timezone.now()
    for age in range(3):
        Conversation.objects.create(user=alice, title=str(age), updated_at=now - timedelta(hours=age))
    Conversation.objects.create(user=bob)
    client = client_of(alice)
    first = client.get("/api/conversations?page_size=2").json()
    second = client.get(first["next"]).json()
    assert [each["title"] for each in first["results"] + second["results"]] == ["0", "1", "2"]
    assert second["next"] is None


def test_messages_in_order(alice: User, conversation: Conversation, client_of: ClientOf) -> None:
    client = client_of(alice)
    url = f"/api/conversations/{conversation.pk}/messages"
    found = client.get(url).json()["results"]
    assert [each["role"] for each in found] == ["user", "assistant", "tool", "assistant"]
    assert found[1]["tool_calls"] == [{"id": "call_1", "name": "list_tasks", "arguments": {"q": "rent"}}]
    assert found[2]["tool_call_id"] == "call_1"
    assert "provider_state" not in found[3]
    page = client.get(f"{url}?page_size=3&ordering=-position").json()
    assert [each["content"] for each in page["results"]] == ["None.", "{}", ""]


def test_anothers_is_a_404(bob: User, conversation: Conversation, client_of: ClientOf) -> None:
    client, url = client_of(bob), f"/api/conversations/{conversation.pk}"
    answers = [
        client.get(url),
        client.patch(url, {"title": "mine"}),
        client.delete(url),
        client.get(f"{url}/messages"),
        client.post(f"{url}/cancel"),
        client.get(f"/api/conversations/{uuid4()}/messages"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 6
    conversation.refresh_from_db()
    assert conversation.title == "Rent"


def test_unknown_and_wrong_fields_are_refused(
    alice: User, conversation: Conversation, client_of: ClientOf
) -> None:
    client, url = client_of(alice), f"/api/conversations/{conversation.pk}"
    for body, code in (
        ({"name": "x"}, "unknown_field"),
        ({"title": 5}, "invalid"),
        ({"title": "x" * 201}, "max_length"),
        ({"created_at": "2020-01-01T00:00:00Z"}, "read_only"),
    ):
        answer = client.patch(url, body)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code), answer.json()
    assert client.get("/api/conversations?name=x").status_code == 400
    assert client.get(f"{url}/messages?q=x").status_code == 400


@override_settings(GEMINI_API_KEY="", OPENAI_API_KEY="", STREAM_URL="")  # whatever a developer's shell has
def test_the_web_says_where_the_chat_is(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    about = client.get("/api/assistant").json()
    assert about == {
        "chat_url": "http://testserver:8001/api/chat",
        "model": "offline",
        "turns_left": 500,
        "tokens_left": 1_000_000,
    }
    DayOfUse.objects.create(user=alice, day=timezone.now().date(), turns=2, tokens=10**9)
    with override_settings(GEMINI_API_KEY="key", STREAM_URL="https://todo.example.com/api/stream"):
        about = client.get("/api/assistant").json()
    assert about["chat_url"] == "https://todo.example.com/api/chat"
    assert (about["model"], about["turns_left"], about["tokens_left"]) == ("google:gemini-2.5-flash", 498, 0)
    misdirected = client.post("/api/chat", {"message": "hello"})
    assert (misdirected.status_code, misdirected.json()["errors"][0]["code"]) == (421, "misdirected")
    assert "http://testserver:8001/api/chat" in misdirected.json()["errors"][0]["detail"]
    assert not Message.objects.exists()


def test_old_conversations_go(alice: User, conversation: Conversation) -> None:
    old = Conversation.objects.create(user=alice, updated_at=timezone.now() - timedelta(days=366))
    Message.objects.create(conversation=old, role="user", content="old", position=0)
    left = Turn.objects.create(user=alice, conversation=conversation, lease_until=timezone.now())
    DayOfUse.objects.create(user=alice, day=timezone.now().date() - timedelta(days=40))
    assert purge_conversations() == 1
    assert list(Conversation.objects.all()) == [conversation]
    left.refresh_from_db()
    assert left.state == "failed"
    assert not DayOfUse.objects.exists()
    with override_settings(CONVERSATIONS_KEPT=timedelta(0)):
        assert purge_conversations() == 0
