"""What follows a completed or skipped occurrence: its successor is created, or comes back from the trash.

Everything is computed from the event, so the result is the same however often and however late it is handled.
Unique keys make sure that there is one successor: generated_from, and series_id with occurrence_at. If the
successor was erased and the event comes again, the slot of the completed task says that it was handled.
Source: docs/decisions/0004-one-successor.md.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from json import dumps
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef

from accounts_app.models import User
from database.prepared import prepared_cursor
from events_app.catalogue import TaskData
from recurrence.rules import Series
from tasks_app import slot_records, task_writes
from tasks_app.derived_fields import is_over
from tasks_app.models import DEFAULT_PRIORITY_ID, Task
from tasks_app.series import due_date_of, has_due, reminder_distance, reminder_of
from tasks_app.slot_records import Missed, Outcome, Record
from tasks_app.task_events import task_data
from tasks_app.task_writes import Draft

# Plain SQL: with the ORM's statements, which were twice as many, the next occurrence took twice the time
# (docs/decisions/0023-what-a-request-costs.md). The parameters are fields of TaskData.
_LOCK = """
    SELECT id, completed_at FROM tasks WHERE id IN (%(id)s, %(parent_task_id)s)
    ORDER BY id FOR NO KEY UPDATE
"""
# The next occurrence is after `at`, so only the slots after it can be taken.
_LOOK_UP = """
    SELECT ended.id, EXISTS (SELECT FROM tasks WHERE id = ended.id),
        (SELECT id FROM tasks WHERE id = coalesce(ended.parent_task_id, ended.id)),
        (SELECT id FROM tasks WHERE generated_from_id = ended.id),
        ARRAY(SELECT occurrence_at FROM tasks WHERE series_id = ended.series_id AND occurrence_at > ended.at
              AND generated_from_id IS DISTINCT FROM ended.id),
        (SELECT id FROM tasks WHERE series_id = ended.series_id AND occurrence_at > ended.occurrence_at
             AND NOT completed AND NOT archived AND deleted_at IS NULL
         ORDER BY occurrence_at LIMIT 1),
        (SELECT id FROM priorities WHERE id = ended.priority_id),
        ARRAY(SELECT id FROM tags WHERE user_id = ended.user_id AND id = ANY(ended.tag_ids))
    FROM jsonb_to_recordset(%s::jsonb) AS ended (
        id bigint, parent_task_id bigint, series_id uuid, user_id uuid, occurrence_at timestamptz,
        at timestamptz, priority_id bigint, tag_ids bigint[]
    )
"""


class Ended(NamedTuple):
    """An occurrence that was completed or skipped: its task right after, and the moment to count from."""

    task: TaskData
    series: Series
    outcome: Outcome
    at: datetime

    @property
    def slot(self) -> datetime:
        assert self.task.occurrence_at is not None
        return self.task.occurrence_at


class _Found(NamedTuple):
    """What the database has of an ended occurrence and its series."""

    id: int
    is_there: bool
    head_id: int | None
    successor_id: int | None
    taken: list[datetime]
    later_open_id: int | None
    priority_id: int | None
    tag_ids: list[int]


def create_next_occurrence(done: TaskData) -> None:
    """Create what follows this completion; nothing if it was undone, or handled before."""
    series = series_of(done)
    if done.deleted_at is not None or series is None or done.completed_at is None:
        return
    # Locked, as closing the account does, so that no task is created after its erasure.
    if not User.objects.lock_unless_closed(done.user_id):
        return
    with prepared_cursor() as cursor:
        # Another handler of the same completion waits here, and then finds it recorded.
        cursor.execute(_LOCK, vars(done))
        completed_at = dict(cursor.fetchall())
    # A task that was reopened is not completed, or by another completion, which has an event of its own.
    if completed_at.get(done.id, done.completed_at) == done.completed_at:
        continue_series([Ended(done, series, "done", done.completed_at)])


def continue_after_skips(tasks: Sequence[Task]) -> dict[int, int | None]:
    """Create what follows these tasks, which have just been skipped, as after a completion at that moment.

    Returns the id of the open occurrence with which each series goes on, by the id of the skipped task.
    """
    skipped = [TaskData.model_validate(task_data(task)) for task in tasks]
    ended = [
        Ended(task, series, "skipped", task.deleted_at)
        for task in skipped
        if task.deleted_at is not None and (series := series_of(task)) is not None
    ]
    return continue_series(ended)


def continue_series(ended: Sequence[Ended]) -> dict[int, int | None]:
    """Record the slots of these occurrences, and create, or bring back, what follows each.

    Their rows are locked. Returns what goes on as above; an occurrence that was recorded before is not there.
    """
    new = slot_records.record([_record_of(each) for each in ended])
    nexts: dict[int, int | None] = {}
    for batch in _one_of_each_series([each for each in ended if each.task.id in new]):
        nexts |= _continue(batch)
    return nexts


def series_of(task: TaskData | Task) -> Series | None:
    """The series of the task; None when it has none."""
    if task.recurrence_rule is None or task.anchor_local is None or task.occurrence_at is None:
        return None
    return Series(
        rule=task.recurrence_rule,
        timezone=task.timezone,
        anchor=task.anchor_local,
        until=task.recurrence_end,
        all_day=bool(task.series_all_day),
    )


def ends_with(series: Series, slot: datetime) -> bool:
    """Whether nothing follows this slot, also where `after_completion` would give an earlier day."""
    return series.until is not None and series.until <= slot


def _record_of(ended: Ended) -> Record:
    task = ended.task
    assert task.series_id is not None
    return Record(task.user_id, task.series_id, ended.slot, ended.outcome, ended.at, task.id, task.version)


def _one_of_each_series(ended: Sequence[Ended]) -> Iterator[list[Ended]]:
    """In batches: what follows one occurrence counts for the next of the same series."""
    while ended:
        batch = {each.task.series_id: each for each in reversed(ended)}
        yield list(batch.values())
        ended = [each for each in ended if batch[each.task.series_id] is not each]


def _continue(ended: Sequence[Ended]) -> dict[int, int | None]:
    """What follows these, of each series at most one."""
    there = _look_up(ended)
    successors = _locked_successors([found.successor_id for found in there.values()])
    nexts = {
        each.task.id: _next(each, there[each.task.id], successors.get(there[each.task.id].successor_id))
        for each in ended
    }
    drafts = [following for following in nexts.values() if isinstance(following, Draft)]
    task_writes.create([draft for draft in drafts if draft.task._state.adding])
    task_writes.write([draft for draft in drafts if draft.task.locked_in is not None])
    slot_records.record_missed([slot for each in ended for slot in _missed(each)])
    return {
        pk: following.task.pk if isinstance(following, Draft) else following
        for pk, following in nexts.items()
    }


def _look_up(ended: Sequence[Ended]) -> dict[int, _Found]:
    names = ("id", "parent_task_id", "series_id", "user_id", "occurrence_at", "priority_id", "tag_ids")
    rows = [{name: getattr(each.task, name) for name in names} | {"at": each.at} for each in ended]
    with prepared_cursor() as cursor:
        cursor.execute(_LOOK_UP, [dumps(rows, default=str)])
        return {row[0]: _Found._make(row) for row in cursor.fetchall()}


def _locked_successors(ids: Sequence[int | None]) -> dict[int | None, Task]:
    """These tasks; their ids are higher than those of the tasks before them, so they are locked later."""
    there = [pk for pk in ids if pk is not None]
    if not there:
        return {}
    own = Exists(Task.objects.filter(generated_from=OuterRef("pk")))
    return {task.pk: task for task in Task.objects.filter(pk__in=there).annotate(has_successor=own).locked()}


def _next(ended: Ended, there: _Found, successor: Any) -> Draft | int | None:
    """A task to create or to change, or the id of one with which the series goes on as it is."""
    if successor is None:
        return there.later_open_id or _created(ended, there)
    if successor.deleted_at is None:
        return None if successor.completed else successor.pk
    if is_over(successor) or (successor.has_successor and not successor.is_untouched):
        return None
    return _brought_back(ended, there, successor)


def _created(ended: Ended, there: _Found) -> Draft | None:
    # Of an erased task the successor cannot be known: it is what is in its slot.
    slot = _free_slot(ended, there.taken, skip_taken=there.is_there)
    if slot is None:
        return None
    own = {"generated_from_id": ended.task.id if there.is_there else None, "untouched_version": 1}
    return Draft(Task(**_inherited(ended, there, slot), **own), there.tag_ids)


def _brought_back(ended: Ended, there: _Found, successor: Any) -> Draft | None:
    """The successor out of the trash: as it would be created now, or with what its owner made of it."""
    if successor.series_id != ended.task.series_id and not successor.is_untouched:
        return _restored(successor, {})  # its owner has begun another series with it
    slot = _free_slot(ended, there.taken, skip_taken=True)
    if slot is None:
        return None
    if successor.is_untouched:
        own = {"untouched_version": successor.version + 1}
        return _restored(successor, _inherited(ended, there, slot) | own, there.tag_ids)
    if slot == successor.occurrence_at:
        return _restored(successor, {})
    due_at = slot if successor.due_at else None
    reminder_at = reminder_of(successor, slot) if successor.reminder_at else None
    due_date = due_date_of(successor, slot) if successor.due_at else None
    moved = {"occurrence_at": slot, "due_date": due_date, "due_at": due_at, "reminder_at": reminder_at}
    return _restored(successor, moved | {"reminded_until": ended.at})


def _restored(task: Any, fields: dict[str, Any], tag_ids: Collection[int] | None = None) -> Draft:
    for name, value in fields.items():
        setattr(task, name, value)
    task.deleted_at = None
    return Draft(task, tag_ids)


def _free_slot(ended: Ended, taken: Collection[datetime], *, skip_taken: bool) -> datetime | None:
    """The slot of the next occurrence; None when the series is over.

    A slot may be taken by an occurrence that was completed early, or that is in the trash: then the next free
    one is used, if `skip_taken`.
    """
    series, mode = ended.series, ended.task.recurrence_mode
    if ends_with(series, ended.slot):
        return None
    if not skip_taken and series.after_completion(ended.slot, ended.at, mode) in taken:
        return None
    return series.after_completion(ended.slot, ended.at, mode, taken)


def _missed(ended: Ended) -> list[Missed]:
    """The newest slots that this late completion passed."""
    task = ended.task
    assert task.series_id is not None
    if task.recurrence_mode != "fixed" or ended.at <= ended.slot:
        return []
    passed = ended.series.catch_up(ended.slot, ended.at, "all").slots
    return [Missed(task.user_id, task.series_id, slot, ended.at) for slot in passed]


def _inherited(ended: Ended, there: _Found, slot: datetime) -> dict[str, Any]:
    """The fields that an occurrence inherits: not what happened to the previous one (a snooze)."""
    done = ended.task
    return {
        "user_id": done.user_id,
        "title": done.title,
        "description": done.description,
        "color": done.color,
        "pinned": done.pinned,
        "due_at": slot if has_due(done) else None,
        "due_date": due_date_of(done, slot),
        "reminder_at": reminder_of(done, slot),
        "reminder_offsets": done.reminder_offsets,
        "rings_in_quiet_hours": done.rings_in_quiet_hours,
        # Reminders between the completion and a late handling still ring; those before the completion do not.
        "reminded_until": ended.at,
        "is_recurring": True,
        "recurrence_rule": done.recurrence_rule,
        "recurrence_end": done.recurrence_end,
        "recurrence_mode": done.recurrence_mode,
        "timezone": done.timezone,
        "series_id": done.series_id,
        "anchor_local": done.anchor_local,
        "series_has_due": has_due(done),
        "series_all_day": done.series_all_day,
        "reminder_distance": reminder_distance(done),
        "occurrence_at": slot,
        "parent_task_id": there.head_id,
        # Unless an operator has deleted it since.
        "priority_id": there.priority_id or DEFAULT_PRIORITY_ID,
    }
