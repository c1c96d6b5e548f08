"""Celery tasks. A message is only a hint; the rows in PostgreSQL decide."""

from celery import shared_task

from chat_app.retention import purge_conversations as purge


@shared_task(name="chat_app.purge_conversations")
def purge_conversations() -> int:
    """Tick: delete conversations that no one wrote in for long; end questions and turns that were left."""
    return purge()
