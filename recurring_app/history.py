"""What became of the slots of a template, and the next ones."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from recurrence.rules import RuleError, zone
from recurring_app.models import RecurringTask
from tasks_app.models import SeriesSlot, Task

SHOWN = 5  # of the occurrences to come


def history_of(slots: Sequence[SeriesSlot]) -> list[dict[str, Any]]:
    """Each of these slots of one template, with its task. One query for all."""
    slot_times = [slot.slot_at for slot in slots]
    tasks = Task.objects.filter(
        recurring_task__in={slot.recurring_task_id for slot in slots}, occurrence_at__in=slot_times
    )
    by_slot = {task.occurrence_at: task for task in tasks.only("occurrence_at", "completed", "deleted_at")}
    return [_entry(slot, by_slot.get(slot.slot_at)) for slot in slots]


def _entry(slot: SeriesSlot, task: Task | None) -> dict[str, Any]:
    return {
        "occurrence_at": slot.slot_at,
        "state": _state(slot, task),
        "task_id": None if task is None else task.pk,
    }


def _state(slot: SeriesSlot, task: Task | None) -> str:
    if task is None:
        return "deleted" if slot.outcome == SeriesSlot.Outcome.MADE else slot.outcome
    if task.deleted_at is not None:
        return "deleted"
    return "done" if task.completed else "open"


def upcoming(template: RecurringTask) -> list[str]:
    """The next SHOWN occurrences in the template's zone, ISO 8601; none of one that is not active."""
    if not template.is_active:
        return []
    try:
        slots = template.series.upcoming(timezone.now(), SHOWN)
    except RuleError:  # it was accepted by an earlier version
        return []
    tz = zone(template.timezone)
    return [slot.astimezone(tz).isoformat(timespec="minutes") for slot in slots]
