"""manage.py recompute_occurrences: what older zone data left an hour off is put right, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection

from accounts_app.models import User
from events_app.models import OutboxEvent
from recurring_app.models import RecurringTask
from recurring_app.services import create_template
from tasks_app.models import Task
from tasks_app.services import complete_task, create_task, update_task

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
# 09:00 in Vancouver, which stays at -7 in winter; the older data had 17:00Z.
SLOT = datetime(2026, 12, 1, 16, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def recurring(user: User, **fields: Any) -> Task:
    defaults = {"title": "tea", "timezone": "America/Vancouver", "due_at": SLOT, "recurrence_rule": "daily"}
    return create_task(user, **defaults | fields)


def by_older_data(*tasks: Task) -> None:
    """These rows as a process with the older data wrote them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tasks SET occurrence_at = occurrence_at + %(by)s, due_at = due_at + %(by)s,"
            " reminder_at = reminder_at + %(by)s WHERE id = ANY(%(ids)s)",
            {"by": HOUR, "ids": [task.pk for task in tasks]},
        )
    OutboxEvent.objects.all().delete()


def recompute(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("recompute_occurrences", *arguments, stdout=out, stderr=err)
    return out.getvalue().partition("\n")[2], err.getvalue()


def times(task: Task) -> tuple[datetime | None, datetime | None, datetime | None]:
    task = Task.objects.get(pk=task.pk)
    return task.occurrence_at, task.due_at, task.reminder_at


def test_slot_due_time_and_reminder_move_with_one_event(alice: User) -> None:
    task = recurring(alice, reminder_at=SLOT - HOUR)
    by_older_data(task)

    assert recompute() == ("tasks moved: 1\n  America/Vancouver: 1\ntemplates moved: 0\n", "")

    assert times(task) == (SLOT, SLOT, SLOT - HOUR)
    assert OutboxEvent.objects.filter(type="task.updated").count() == 1


def test_reminder_offsets_count_from_the_new_due_time(alice: User) -> None:
    task = recurring(alice, reminder_offsets=[30])
    by_older_data(task)

    recompute()

    assert Task.objects.get(pk=task.pk).next_reminder_at == SLOT - HOUR / 2


def test_a_reminder_on_the_evening_before_stays_at_its_hour(alice: User) -> None:
    """By the older data clocks went back in the night between them, so only the slot is wrong."""
    sunday = datetime(2026, 11, 1, 16, tzinfo=UTC)
    with time_machine.travel(sunday - timedelta(days=9), tick=False):
        task = recurring(
            alice, due_at=sunday - timedelta(days=7), reminder_at=sunday - timedelta(days=7, hours=13)
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE tasks SET occurrence_at = %(slot)s, due_at = %(slot)s, reminder_at = %(reminder)s",
                {"slot": sunday + HOUR, "reminder": sunday - 13 * HOUR},
            )

        recompute()

    assert times(task) == (sunday, sunday, sunday - 13 * HOUR)


def test_a_slot_counted_from_a_completion_keeps_its_day(alice: User) -> None:
    head = recurring(alice, recurrence_rule="weekly", recurrence_mode="after_completion")
    thursday = SLOT + timedelta(days=2)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tasks SET occurrence_at = %(slot)s, due_at = %(slot)s", {"slot": thursday + HOUR}
        )

    recompute()

    assert times(head)[:2] == (thursday, thursday)


def test_a_dry_run_only_counts(alice: User) -> None:
    tasks = [recurring(alice), recurring(alice), recurring(alice, timezone="America/Edmonton")]
    by_older_data(*tasks)
    before = [times(task) for task in tasks]

    out, _ = recompute("--dry-run")

    assert out.splitlines()[:3] == [
        "tasks to move: 3",
        "  America/Vancouver: 2",
        "  America/Edmonton: 1",
    ]
    assert [times(task) for task in tasks] == before
    assert not OutboxEvent.objects.exists()


def test_once_more_moves_nothing(alice: User) -> None:
    task = recurring(alice)
    by_older_data(task)
    recompute()
    version = Task.objects.get(pk=task.pk).version

    assert recompute()[0].splitlines()[0] == "tasks moved: 0"
    assert Task.objects.get(pk=task.pk).version == version


def test_what_was_moved_is_done_or_has_come_stays(alice: User) -> None:
    moved, done = recurring(alice), recurring(alice)
    come = recurring(alice, due_at=NOW - 2 * HOUR)
    plain = create_task(alice, title="no series", due_at=SLOT)
    update_task(moved, due_at=SLOT + 5 * HOUR)
    complete_task(done)
    tasks = [moved, done, come, plain]
    by_older_data(*tasks)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks SET due_at = due_at + interval '1 day' WHERE id = %s", [moved.pk])
    before = [times(task) for task in tasks]

    assert recompute()[0].splitlines()[0] == "tasks moved: 0"
    assert [times(task) for task in tasks] == before


def test_a_slot_that_another_occurrence_has_stays_free(alice: User) -> None:
    task, other = recurring(alice), recurring(alice)
    by_older_data(task)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks SET series_id = %s WHERE id = %s", [task.series_id, other.pk])

    assert recompute()[0].splitlines()[0] == "tasks moved: 0"


def test_an_untouched_successor_stays_untouched(alice: User) -> None:
    task = recurring(alice)
    by_older_data(task)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks SET untouched_version = version WHERE id = %s", [task.pk])

    recompute()

    moved = Task.objects.get(pk=task.pk)
    assert moved.untouched_version == moved.version == task.version + 1


def test_templates(alice: User) -> None:
    template = create_template(
        alice,
        template_title="tea",
        recurrence_pattern="daily",
        timezone="America/Vancouver",
        starts_at=datetime.fromisoformat("2026-12-01T09:00"),
    )
    assert template.next_occurrence == SLOT
    RecurringTask.objects.filter(pk=template.pk).update(next_occurrence=SLOT + HOUR)

    assert "templates moved: 1\n  America/Vancouver: 1\n" in recompute()[0]
    assert RecurringTask.objects.get(pk=template.pk).next_occurrence == SLOT


def test_of_two_that_come_to_one_slot_one_moves(alice: User) -> None:
    """Two are open if a task was reopened after its successor had been edited."""
    first = recurring(alice)
    second = recurring(alice, due_at=SLOT + timedelta(days=1))
    by_older_data(first)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tasks SET series_id = %s, anchor_local = %s, occurrence_at = %s, due_at = %s"
            " WHERE id = %s",
            [first.series_id, first.anchor_local, SLOT + 2 * HOUR, SLOT + 2 * HOUR, second.pk],
        )
    assert recompute()[0].splitlines()[0] == "tasks moved: 1"
    assert [times(task)[0] for task in (first, second)] == [SLOT, SLOT + 2 * HOUR]


def test_rules_that_are_not_accepted_any_more_are_listed(alice: User) -> None:
    """`*/n` in a list was accepted once. The others are moved all the same."""
    old, other = recurring(alice), recurring(alice)
    by_older_data(old, other)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks SET recurrence_rule = 'cron:0 9 4,*/26 * *' WHERE id = %s", [old.pk])

    out, err = recompute()

    assert out.splitlines()[0] == "tasks moved: 1"
    assert err.startswith("tasks moved: cannot compute cron:0 9 4,*/26 * *, America/Vancouver: '4,*/26'")
    assert err.endswith(f"(ids: {old.pk})\n")


def test_all_day_tasks_stay_on_their_days(alice: User) -> None:
    """Once, moved to another day, and at its slot."""
    day = date(2026, 12, 1)
    end = datetime(2026, 12, 2, 6, 59, tzinfo=UTC)
    fields: dict[str, Any] = {"title": "tea", "timezone": "America/Vancouver", "reminder_offsets": [0]}
    once = create_task(alice, due_date=day, **fields)
    moved = create_task(alice, due_date=day - timedelta(days=1), recurrence_rule="daily", **fields)
    update_task(moved, due_date=day)
    at_slot = create_task(alice, due_date=day, recurrence_rule="daily", **fields)
    by_older_data(once, moved, at_slot)

    assert recompute("--dry-run")[0].startswith("tasks to move: 3\n")
    assert recompute()[0].startswith("tasks moved: 3\n")

    rows = Task.objects.all()
    assert {(row.due_date, row.due_at, row.all_day) for row in rows} == {(day, end, True)}
    assert {row.next_reminder_at for row in rows} == {SLOT}
    assert recompute()[0].startswith("tasks moved: 0\n")
