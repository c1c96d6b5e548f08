"""Conversations are deleted after CONVERSATIONS_KEPT without a new message; after a month, counts of use and
what calls by MCP did, which no conversation shows and which can be undone until then.

The tasks that they were about stay. Confirmations go with their conversation, which shows them.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from chat_app.models import Conversation, DayOfUse, Turn
from chat_app.turns.ending import fail_left_behind

BATCH = 100
BATCHES_PER_CALL = 20  # far below a tick's time limit; the next tick continues
_USE_KEPT = timedelta(days=31)
_CALLS_KEPT = timedelta(days=31)


def purge_conversations() -> int:
    """Delete old conversations. Returns how many."""
    now = timezone.now()
    fail_left_behind(Turn.objects.all())
    DayOfUse.objects.filter(day__lt=(now - _USE_KEPT).date()).delete()
    _delete_in_batches(Turn.objects.filter(conversation=None, started_at__lt=now - _CALLS_KEPT))
    if not settings.CONVERSATIONS_KEPT:
        return 0
    return _delete_in_batches(Conversation.objects.filter(updated_at__lt=now - settings.CONVERSATIONS_KEPT))


def _delete_in_batches(old: QuerySet[Any]) -> int:
    """Delete these rows with what hangs on them. Returns how many of these."""
    deleted = 0
    for _ in range(BATCHES_PER_CALL):
        ids = list(old.order_by().values_list("pk", flat=True)[:BATCH])
        if not ids:
            break
        # Asked again: someone may have written in it.
        _all, by_model = old.filter(pk__in=ids).delete()
        deleted += by_model.get(old.model._meta.label, 0)
    return deleted
