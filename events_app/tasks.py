from celery import shared_task

from events_app.handling import retry_parked


@shared_task(name="events_app.retry_parked_events")
def retry_parked_events() -> int:
    """Tick: try again the parked events that are due."""
    return retry_parked()
