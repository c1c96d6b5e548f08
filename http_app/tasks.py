from celery import shared_task

from http_app import idempotency


@shared_task(name="http_app.purge_idempotency_keys")
def purge_idempotency_keys() -> int:
    """Tick: forget answers that nobody asks for again."""
    return idempotency.purge_idempotency_keys()
