"""What is written of the slots of series: one statement, whatever their number.

A slot keeps the task and the version whose completion, skip or erasure it records last. So the event of a
completion that comes again, or late, is recognised even when both the task and its successor are erased.
Source: docs/decisions/0004-one-successor.md.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from json import dumps
from typing import Any, Literal, NamedTuple
from uuid import UUID

from database.prepared import prepared_cursor

Outcome = Literal["done", "skipped"]


class Record(NamedTuple):
    """That a task of this version was completed or skipped, at `recorded_at`."""

    user_id: UUID
    series_id: UUID
    slot_at: datetime
    outcome: Outcome
    recorded_at: datetime
    task_id: int
    version: int


# A row without a version was written before there were versions. A task of a higher id is a newer one, that
# was created in the same slot after the other was erased.
_IS_NEWER = """
    series_slots.outcome = 'missed' OR (series_slots.task_id, series_slots.version)
    < (excluded.task_id, excluded.version) OR series_slots.version IS NULL
    AND series_slots.recorded_at < excluded.recorded_at
"""
_REPLACE = f"""
    ON CONFLICT (series_id, slot_at) DO UPDATE SET outcome = excluded.outcome,
        recorded_at = excluded.recorded_at, task_id = excluded.task_id, version = excluded.version
    WHERE {_IS_NEWER}
"""
_COLUMNS = "user_id, series_id, slot_at, outcome, recorded_at, task_id, version"
_RECORD = f"""
    INSERT INTO series_slots ({_COLUMNS})
    SELECT {_COLUMNS} FROM jsonb_to_recordset(%s::jsonb) AS new (
        user_id uuid, series_id uuid, slot_at timestamptz, outcome text, recorded_at timestamptz,
        task_id bigint, version integer
    )
    {_REPLACE} RETURNING task_id
"""  # noqa: S608 - names of ours
# Of a task that is over its completion is recorded, or will be. A closed account is being erased itself.
_RECORD_ERASED = f"""
    INSERT INTO series_slots ({_COLUMNS})
    SELECT tasks.user_id, series_id, occurrence_at, 'deleted', %s, tasks.id, version
    FROM tasks JOIN users ON users.id = tasks.user_id AND users.deleted_at IS NULL
    WHERE tasks.id = ANY(%s)
    {_REPLACE}
"""  # noqa: S608 - names of ours
_RECORD_MISSED = """
    INSERT INTO series_slots (user_id, series_id, slot_at, outcome, recorded_at)
    SELECT user_id, series_id, slot_at, 'missed', recorded_at FROM jsonb_to_recordset(%s::jsonb)
        AS new (user_id uuid, series_id uuid, slot_at timestamptz, recorded_at timestamptz)
    WHERE NOT EXISTS (SELECT FROM tasks WHERE series_id = new.series_id AND occurrence_at = new.slot_at)
    ON CONFLICT (series_id, slot_at) DO NOTHING
"""


class Missed(NamedTuple):
    """That a slot passed without an occurrence, as was noticed at `recorded_at`."""

    user_id: UUID
    series_id: UUID
    slot_at: datetime
    recorded_at: datetime


def record(records: Sequence[Record]) -> set[int]:
    """Record what became of these slots; the ids of those tasks for which this or a later was not there."""
    with prepared_cursor() as cursor:
        cursor.execute(_RECORD, [_json(records)])
        return {task_id for (task_id,) in cursor.fetchall()}


def record_missed(slots: Sequence[Missed]) -> None:
    """Record the slots among these that have no occurrence and no record."""
    if slots:
        with prepared_cursor() as cursor:
            cursor.execute(_RECORD_MISSED, [_json(slots)])


def record_erased(task_ids: Collection[int], now: datetime) -> None:
    """Record the slots of these tasks, which are about to be erased without having been done or skipped."""
    if task_ids:
        with prepared_cursor() as cursor:
            cursor.execute(_RECORD_ERASED, [now, list(task_ids)])


def _json(rows: Sequence[Any]) -> str:
    return dumps([row._asdict() for row in rows], default=str)
