"""Conversations are deleted after CONVERSATIONS_KEPT without a new message, and counts of use after a month.

The tasks that they were about stay.
"""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from chat_app.models import Conversation, DayOfUse, Turn
from chat_app.turns.ending import fail_left_behind

BATCH = 100
BATCHES_PER_CALL = 20  # far below a tick's time limit; the next tick continues
_USE_KEPT = timedelta(days=31)


def purge_conversations() -> int:
    """Delete old conversations. Returns how many."""
    now = timezone.now()
    fail_left_behind(Turn.objects.all())
    DayOfUse.objects.filter(day__lt=(now - _USE_KEPT).date()).delete()
    purged = 0
    if not settings.CONVERSATIONS_KEPT:
        return purged
    before = now - settings.CONVERSATIONS_KEPT
    for _ in range(BATCHES_PER_CALL):
        old = Conversation.objects.filter(updated_at__lt=before).order_by("updated_at")
        ids = list(old.values_list("pk", flat=True)[:BATCH])
        if not ids:
            break
        # Asked again: someone may have written in it.
        Conversation.objects.filter(pk__in=ids, updated_at__lt=before).delete()
        purged += len(ids)
    Turn.objects.filter(conversation=None, started_at__lt=before).delete()  # calls by MCP
    return purged
