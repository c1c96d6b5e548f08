"""Claiming due reminders with their rows and events: the scan, in batches and one by one; bare statements."""

from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter

from django.db import connection

from benchmarks.burst import people
from benchmarks.measuring import Side, Turn
from benchmarks.stage import empty_tables, execute
from notifications_app.scan import scan_reminders

BATCH = 500
_CLAIM = f"""
    UPDATE tasks SET reminded_until = now(), next_reminder_at = NULL
    WHERE id IN (SELECT id FROM tasks WHERE next_reminder_at <= now() ORDER BY next_reminder_at LIMIT {BATCH}
                 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id, user_id, title, version, reminder_at, due_at
"""
# What the scan writes at least, by PostgreSQL alone: it decides nothing, and reads no users.
_CLAIM_WITH_ROWS = f"""
    WITH claimed AS ({_CLAIM}), reminders AS (
        INSERT INTO reminders (task_id, reminder_at, claimed_at, lateness, event_id, state)
        SELECT id, reminder_at, now(), now() - reminder_at, gen_random_uuid(), 'no_device' FROM claimed
        RETURNING task_id, event_id
    )
    INSERT INTO outbox_events (event_id, topic, type, key, subject, sequence, time, data, request_id, user_id)
    SELECT event_id, 'reminders', 'reminder.due', user_id, id, version, now(),
           jsonb_build_object('task_id', id, 'user_id', user_id, 'title', title, 'reminder_at', reminder_at,
                              'due_at', due_at), '', user_id
    FROM claimed JOIN reminders ON task_id = id
"""


def furnish(count: int) -> None:
    """As many tasks, each of another user, without a browser: there are no deliveries."""
    empty_tables()
    people.with_a_task_each(count)


def make_due(instant: datetime) -> None:
    """As before the first turn: nothing is claimed, and every reminder comes at this instant."""
    execute("TRUNCATE reminders, outbox_events CASCADE")
    people.due_at(instant, again=True)


def sides() -> list[Side]:
    """The scan, one commit a reminder, the bare claim, and the bare claim with both rows."""
    return [
        Side(f"scan, {BATCH} in a batch", _turns(lambda: scan_reminders(BATCH))),
        Side("scan, one in a batch", _turns(lambda: scan_reminders(1))),
        Side("UPDATE ... RETURNING", _turns(lambda: _execute(_CLAIM))),
        Side("the same with both rows", _turns(lambda: _execute(_CLAIM_WITH_ROWS))),
    ]


def _turns(claim: Callable[[], int]) -> Callable[[float], Turn]:
    """A turn in which only `claim` is measured; it says how many there were."""

    def turn(seconds: float) -> Turn:
        latencies: list[float] = []
        spent, done = 0.0, 0
        while spent < seconds:
            if not done:
                make_due(datetime.now(UTC))
            started = perf_counter()
            done = claim()
            took = perf_counter() - started
            spent += took
            latencies += [took / done] * done if done else []
        if not latencies:
            raise RuntimeError("Nothing was claimed.")
        return Turn(latencies, spent)

    return turn


def _execute(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)
