from celery import shared_task

from tasks_app import trash


@shared_task(name="tasks_app.purge_trash")
def purge_trash() -> int:
    """Tick: empty the trash of what has been there for long."""
    return trash.purge_trash()
