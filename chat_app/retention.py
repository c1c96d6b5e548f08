"""Conversations are deleted after CONVERSATIONS_KEPT without a new message; after a month, counts of use and
what calls by MCP did, which no conversation shows and which can be undone until then.

The tasks that they were about stay. Confirmations go with their conversation, which shows them. Those that no
one answered, and turns whose process died, are ended here too, in conversations where no message follows.
"""

from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from chat_app.confirmations import expire_unanswered
from chat_app.history import lock_conversation
from chat_app.models import Confirmation, Conversation, DayOfUse, Turn
from chat_app.turns.ending import fail_left_behind
from events_app import queues

BATCH = 100
_USE_KEPT = timedelta(days=31)
_CALLS_KEPT = timedelta(days=31)


def purge_conversations() -> int:
    """Delete old conversations. Returns how many."""
    now = timezone.now()
    fail_left_behind(Turn.objects.all())
    queues.drain(_expire_some)
    DayOfUse.objects.filter(day__lt=(now - _USE_KEPT).date()).delete()
    calls = Turn.objects.filter(conversation=None, started_at__lt=now - _CALLS_KEPT).order_by()
    queues.drain(lambda: queues.purge(calls, batch=BATCH))
    if not settings.CONVERSATIONS_KEPT:
        return 0
    old = Conversation.objects.filter(updated_at__lt=now - settings.CONVERSATIONS_KEPT).order_by()
    return queues.drain(lambda: queues.purge(old, batch=BATCH))


def _expire_some() -> int:
    """End the questions of some conversations whose time is over; of how many."""
    pending = Confirmation.objects.filter(state=Confirmation.State.PENDING, expires_at__lte=timezone.now())
    some = list(pending.order_by().values_list("conversation", flat=True).distinct()[:BATCH])
    for conversation_id in some:
        with suppress(Conversation.DoesNotExist), transaction.atomic():
            expire_unanswered(lock_conversation(conversation_id))
    return len(some)
