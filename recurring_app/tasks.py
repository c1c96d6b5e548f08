from celery import shared_task

from recurring_app import generation


@shared_task(name="recurring_app.generate_due")
def generate_due() -> int:
    """Tick: generate the tasks of templates that are due."""
    return generation.generate_due()
