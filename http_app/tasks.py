"""Ticks of beat."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from http_app.models import IdempotencyKey

# As long as Stripe keeps them: longer than any client goes on trying.
KEPT = timedelta(hours=24)


@shared_task(name="http_app.purge_idempotency_keys")
def purge_idempotency_keys() -> int:
    """Delete the idempotency keys that are older than KEPT, with their answers; how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
