"""A user moves to another time zone with all open series: each stays at its local times, in the new zone.

What is asked for is a row (SeriesMove), which goes when no task is left to move. A batch is moved with the
request, the rest by a tick. A task that is in the new zone has been moved, so nothing else records progress,
and a crash between two batches loses nothing. What is done stays as it was.
Source: docs/decisions/0026-this-one-or-all.md.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4, uuid5

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts_app.models import User
from database.questions import Question
from events_app import queues
from recurrence.rules import RuleError, instant_of, last_minute_of, local_of, zone
from tasks_app import task_writes
from tasks_app.models import SeriesMove, SeriesSlot, Task
from tasks_app.querysets import TaskQuerySet
from tasks_app.task_writes import Draft

log = structlog.get_logger(__name__)

BATCH = 500
# A completion just before the move may be handled after it, and creates an occurrence in the zone of before.
LATEST_HANDLING = timedelta(days=7)


@transaction.atomic
def request_move(user_id: UUID, *, to: str) -> None:
    """Move the open series of a user to this zone: a batch now, the rest by a tick."""
    if User.objects.lock_unless_closed(user_id):
        asked = {"timezone": to, "requested_at": timezone.now()}
        move, _ = SeriesMove.objects.update_or_create(user_id=user_id, defaults=asked)
        _go_on(move)


@Question
def has_moves(_now: datetime) -> QuerySet[SeriesMove]:
    """Whether tasks may have to be moved."""
    return SeriesMove.objects.all()


def go_on_with_moves() -> int:
    """Move the next batches of each user; how many tasks."""
    moves = SeriesMove.objects.values_list("pk", flat=True)
    return sum(queues.drain(partial(_move_batch, pk), full=BATCH) for pk in moves)


@transaction.atomic
def _move_batch(pk: int) -> int:
    move = SeriesMove.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
    return 0 if move is None else _go_on(move)


def _go_on(move: SeriesMove) -> int:
    """Move a batch, or end the move when nothing is left; how many tasks."""
    pks = list(_to_move(move).order_by("pk").values_list("pk", flat=True)[:BATCH])
    # Asked again under the lock: one may have been completed meanwhile.
    tasks = list(_to_move(move).filter(pk__in=pks).locked())
    for task in tasks:
        _move(task, move.timezone)
    _part_equal_slots(tasks)
    task_writes.write([Draft(task) for task in tasks])
    if len(pks) < BATCH and not _may_bring_more(move):
        move.delete()
    log.info("series_moved", user_id=str(move.user_id), timezone=move.timezone, tasks=len(tasks))
    return len(tasks)


def _to_move(move: SeriesMove) -> TaskQuerySet[Task]:
    before = Q(created_at__lte=move.requested_at) | Q(generated_from__completed_at__lte=move.requested_at)
    open_ones = Task.objects.filter(user=move.user_id, completed=False, deleted_at=None)
    return open_ones.filter(before, is_recurring=True).exclude(timezone=move.timezone)


def _may_bring_more(move: SeriesMove) -> bool:
    """Whether a completion from before the move is still to be handled: it has not recorded its slot."""
    if move.requested_at < timezone.now() - LATEST_HANDLING:
        return False
    recorded = SeriesSlot.objects.filter(series_id=OuterRef("series_id"), slot_at=OuterRef("occurrence_at"))
    lately = (move.requested_at - LATEST_HANDLING, move.requested_at)
    # One that was imported as completed, which is its first version, has no next occurrence.
    done = Task.objects.filter(
        user=move.user_id, is_recurring=True, completed_at__range=lately, version__gt=1
    )
    return done.filter(~Exists(recorded), deleted_at=None).exists()


def _move(task: Any, to: str) -> None:
    """Another series, so that its slots cannot meet those of the zone of before; all of one series in one."""
    old = known_zone(task.timezone)
    if task.occurrence_at is not None and task.anchor_local is not None:
        slot = local_of(task.occurrence_at, old, task.anchor_local.time())
        moved_slot = (last_minute_of(slot.date(), to) if task.series_all_day else instant_of(slot, to)) or (
            task.occurrence_at
        )
        is_at_slot = task.due_at == task.occurrence_at
        task.due_at = moved_slot if is_at_slot else same_local_time(task.due_at, old, to)
        task.occurrence_at = moved_slot
    if task.due_date is not None:
        task.due_at = last_minute_of(task.due_date, to) or task.due_at
    task.reminder_at = same_local_time(task.reminder_at, old, to)
    task.recurrence_end = same_local_time(task.recurrence_end, old, to)
    task.series_id = uuid5(task.series_id, to)
    task.timezone = to
    if task.is_untouched:  # for an undo it stays so
        task.untouched_version = task.version + 1


def known_zone(name: str) -> str:
    try:
        return zone(name).key
    except RuleError:  # a name that the zone data has lost
        return "UTC"


def same_local_time(instant: datetime | None, old: str, to: str) -> datetime | None:
    """The instant at which clocks in the new zone show what they showed in the old one, to the second."""
    if instant is None:
        return None
    seconds = instant - instant.replace(second=0, microsecond=0)
    moved = instant_of(local_of(instant, old), to)
    return instant if moved is None else moved + seconds


def _part_equal_slots(tasks: list[Any]) -> None:
    """Of two occurrences of a series at one instant in the new zone, one goes on in a series of its own."""
    keys = Task.objects.filter(series_id__in={task.series_id for task in tasks})
    taken = set(keys.values_list("series_id", "occurrence_at"))
    for task in tasks:
        if (task.series_id, task.occurrence_at) in taken:
            task.series_id = uuid4()
        taken.add((task.series_id, task.occurrence_at))
