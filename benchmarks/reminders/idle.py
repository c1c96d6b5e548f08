"""A scan that finds nothing, among few tasks and among ten times as many."""

import json
from math import ceil
from time import perf_counter
from typing import NamedTuple

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.measuring import percentile_of
from benchmarks.report import table
from benchmarks.scale.rows import make_rows
from benchmarks.stage import empty_tables
from notifications_app.scan import scan_reminders

GROWTH = 10
SCANS = 500
GOAL_TIMES, GOAL_MILLISECONDS = 1.5, 0.1


class Idle(NamedTuple):
    """Milliseconds, p50: of the statement in PostgreSQL, and of the whole call with BEGIN and COMMIT."""

    statement: float
    call: float


def compare(tasks: int) -> list[str]:
    """Among so many tasks and ten times as many, in Markdown. They are not in turns: there is one table."""
    sizes = (tasks, tasks * GROWTH)
    few, many = (_measure(size) for size in sizes)
    rows = [
        [f"{size:,}", f"{found.statement:.3f}", f"{found.call:.2f}"]
        for size, found in zip(sizes, (few, many), strict=True)
    ]
    times = many.statement / few.statement
    return [
        table(["tasks, none due", "statement, p50 ms", "call, p50 ms"], rows),
        f"- the idle scan's statement, times as long among {GROWTH} times as many: **{times:.2f}**;"
        f" goal at most {GOAL_TIMES:g}: {_said(times, GOAL_TIMES)}\n"
        f"- its milliseconds among {sizes[1]:,}: **{many.statement:.3f}**; goal at most"
        f" {GOAL_MILLISECONDS:g}: {_said(many.statement, GOAL_MILLISECONDS)}",
    ]


def _measure(tasks: int) -> Idle:
    empty_tables()
    make_rows(ceil(tasks / 11))  # which makes eleven times as many rows
    while scan_reminders():
        pass  # a few of them are due
    with CaptureQueriesContext(connection) as captured:
        scan_reminders()
    (statement,) = (one["sql"] for one in captured if "next_reminder_at" in one["sql"])
    statements, calls = [], []
    for _ in range(SCANS):
        statements.append(_execution_milliseconds(statement))
        started = perf_counter()
        scan_reminders()
        calls.append((perf_counter() - started) * 1000)
    return Idle(percentile_of(statements, 50), percentile_of(calls, 50))


def _execution_milliseconds(statement: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}")
        found = cursor.fetchone()[0]
    (plan,) = json.loads(found) if isinstance(found, str) else found
    return float(plan["Execution Time"])


def _said(value: float, goal: float) -> str:
    return "reached" if value <= goal else "missed"
