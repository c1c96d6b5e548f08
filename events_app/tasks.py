from celery import shared_task

from events_app.parked import retry_parked


# A handler that hangs has this long; it has counted as an attempt before it began.
@shared_task(name="events_app.retry_parked_events", soft_time_limit=40, time_limit=50)
def retry_parked_events() -> int:
    """Tick: try again the parked events that are due."""
    return retry_parked()
