"""The open occurrences and all-day tasks that are still to come, computed again: after new zone data.

Slots and the ends of days are stored as instants. When a government changes its clocks, those that are stored
for the time after the change are an hour off until they are computed again. A task that was moved stays at
the time, or on the day, where it was put.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from recurrence.rules import RuleError
from tasks_app import task_writes
from tasks_app.all_day import due_at_of
from tasks_app.models import OPEN, Task
from tasks_app.occurrences import series_of
from tasks_app.querysets import TaskQuerySet
from tasks_app.series import reminder_of
from tasks_app.task_writes import BATCH, Draft


@dataclass
class Recomputed:
    """How many are moved, by time zone; the ids of those whose rule cannot be read, by what is wrong."""

    moved: Counter[str] = field(default_factory=Counter)
    unreadable: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, other: "Recomputed") -> None:
        self.moved += other.moved
        for fault, ids in other.unreadable.items():
            self.unreadable[fault] += ids


def recompute_tasks(*, dry_run: bool) -> Iterator[Recomputed]:
    """Recompute what is open, a transaction for each batch; what each moves."""
    open_ones = Task.objects.filter(OPEN, user__deleted_at=None)
    at_slot = Q(due_at=None) | Q(due_at=F("occurrence_at"))
    now = timezone.now()
    occurrences = open_ones.filter(at_slot, series_id__isnull=False, occurrence_at__gt=now)
    other_days = open_ones.filter(Q(series_id=None) | ~at_slot, all_day=True, due_at__gt=now)
    yield from _in_batches(occurrences, _to_new_slots, dry_run=dry_run)
    yield from _in_batches(other_days, _to_ends_of_days, dry_run=dry_run)


def _in_batches(
    tasks: TaskQuerySet[Task],
    recompute: Callable[[Sequence[Task], Recomputed], list[Draft]],
    *,
    dry_run: bool,
) -> Iterator[Recomputed]:
    last = 0
    while pks := list(tasks.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        last, done = pks[-1], Recomputed()
        with transaction.atomic():
            # Asked again under the lock: one may have been completed or moved meanwhile.
            drafts = recompute(list(tasks.filter(pk__in=pks).locked()), done)
            if not dry_run:
                task_writes.write(drafts)
        yield done


def _to_new_slots(tasks: Sequence[Task], done: Recomputed) -> list[Draft]:
    drafts = []
    near = Task.objects.filter(
        series_id__in={task.series_id for task in tasks}, occurrence_at__gt=timezone.now() - timedelta(days=1)
    )
    taken = set(near.values_list("series_id", "occurrence_at"))
    for task in tasks:
        series = series_of(task)
        assert series is not None
        assert task.occurrence_at is not None
        try:
            slot = series.recomputed(task.occurrence_at)
        except RuleError as error:
            done.unreadable[f"{task.recurrence_rule}, {task.timezone}: {error}"].append(task.pk)
            continue
        # A slot is used once; that of the task itself is taken too.
        if slot is not None and (task.series_id, slot) not in taken:
            taken.add((task.series_id, slot))
            done.moved[task.timezone] += 1
            _move(task, slot)
            drafts.append(Draft(task))
    return drafts


def _to_ends_of_days(tasks: Sequence[Task], done: Recomputed) -> list[Draft]:
    """All-day tasks that are not at a slot: without a series, or moved to another day."""
    drafts = []
    for task in tasks:
        try:
            due_at = due_at_of(task)
        except RuleError as error:
            done.unreadable[f"{task.due_date}, {task.timezone}: {error}"].append(task.pk)
            continue
        if due_at not in (None, task.due_at):
            done.moved[task.timezone] += 1
            task.due_at = due_at
            drafts.append(Draft(task))
    return drafts


def _move(task: Task, slot: datetime) -> None:
    """To this slot, with what belongs to it. For an undo the task is as untouched as before."""
    if task.occurrence_at is not None and task.reminder_at == reminder_of(task, task.occurrence_at):
        task.reminder_at = reminder_of(task, slot)
    if task.due_at is not None:
        task.due_at = slot
    if task.untouched_version == task.version:
        task.untouched_version = task.version + 1
    task.occurrence_at = slot
