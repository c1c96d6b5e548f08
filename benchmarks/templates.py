"""Generating the tasks of templates: in batches, one at a time, and the same rows by INSERT ... SELECT."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from benchmarks.measuring import Side, Turn, ratio
from benchmarks.report import Report, side_table, verdict
from benchmarks.stage import Stage, execute, own_processor_seconds, people
from recurring_app.generation import BATCH, generate_due, has_due
from recurring_app.models import RecurringTask
from tasks_app.models import Tag

USERS = 20
# What generation writes, in the order of the references.
WRITTEN = ("tasks", "task_tags", "outbox_events", "series_slots")


def run(stage: Stage) -> Report:
    """Templates that are due once, each with a tag; the same ones in each turn.

    In seconds of the processor, of this process and of its session in PostgreSQL: the machine may be busy.
    """
    count = min(stage.tasks, 4 * BATCH)
    furnish(count)
    with_batches = Side(f"{BATCH} in a batch", lambda seconds: _turn(seconds, lambda: _generate(BATCH)))
    alone = Side("one at a time", lambda seconds: _turn(seconds, lambda: _generate(1)))
    _make_due()
    _generate(BATCH)
    for table in WRITTEN:
        execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
    bare = Side("INSERT ... SELECT", lambda seconds: _turn(seconds, _insert))
    try:
        series = stage.measure(with_batches, alone, bare)
    finally:
        execute("DROP TABLE " + ", ".join(f"kept_{table}" for table in WRITTEN))
    rates = [series[side.name] for side in (with_batches, alone, bare)]
    return Report(
        "Tasks of templates",
        [
            f"{count:,} due templates, each with a tag. A task is a row with its tag, two events and a slot;"
            " the template advances. By seconds of the processor, of this process and its session.",
            side_table(rates, unit="tasks"),
            f"- beside INSERT ... SELECT of the same rows: {verdict(ratio(rates[0], rates[2]), goal=0.3)}\n"
            f"- beside one at a time: {verdict(ratio(rates[0], rates[1]), goal=10)}",
        ],
    )


def furnish(count: int) -> None:
    """Daily templates of USERS users; each has a tag."""
    users = [person.user for person in people("planner", USERS)]
    tags = QuerySet[Tag](Tag).bulk_create([Tag(user=user, name="home") for user in users])
    templates = RecurringTask.objects.bulk_create(
        RecurringTask(
            user=users[number % USERS],
            template_title=f"Water the plants {number}",
            recurrence_pattern="daily",
            starts_at=datetime(2026, 1, 1),  # noqa: DTZ001 - local
            timezone="UTC",
            due_after_minutes=60,
            reminder_offsets=[30],
        )
        for number in range(count)
    )
    links = RecurringTask.tags.through
    links.objects.bulk_create(
        links(recurringtask=template, tag=tags[number % USERS]) for number, template in enumerate(templates)
    )
    execute("VACUUM ANALYZE")


def _make_due() -> None:
    """As before the first turn: nothing is generated, and all templates are due today."""
    execute("TRUNCATE tasks, outbox_events, series_slots CASCADE")
    today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    RecurringTask.objects.update(next_occurrence=today, is_active=True)


def _turn(seconds: float, generate: Callable[[], int]) -> Turn:
    """Only `generate` is measured; it does all there is or stops after a while, and says how many."""
    latencies: list[float] = []
    while sum(latencies) < seconds:
        _make_due()
        started = own_processor_seconds()
        done = generate()
        latencies += [(own_processor_seconds() - started) / done] * done
    return Turn(latencies, sum(latencies))


def _generate(limit: int) -> int:
    generated = generate_due(limit)
    while limit > 1 and has_due():
        generated += generate_due(limit)
    return generated


@transaction.atomic
def _insert() -> int:
    with connection.cursor() as cursor:
        for table in WRITTEN:
            cursor.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
            if table == "tasks":
                inserted = int(cursor.rowcount)
    return inserted
