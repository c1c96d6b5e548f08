"""The tick that generates the tasks of templates: what, once, after a downtime, and what it survives."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from redis import Redis

from accounts_app.erasure import close_account, erase_closed_accounts
from accounts_app.models import User
from recurring_app.generation import generate_due, has_due
from recurring_app.models import RecurringTask
from recurring_app.services import move_templates, pause_template, run_template
from tasks_app.models import SeriesSlot, Tag, Task
from tests.aside import PATIENCE_SECONDS
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2030, 6, 3, 7, 0, 1, tzinfo=UTC)  # 09:00:01 in Berlin
SLOT = NOW.replace(second=0)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def template_of(user: User, **fields: Any) -> RecurringTask:
    """Daily at 09:00 in Berlin, and due at this minute."""
    return RecurringTask.objects.create(
        user=user,
        **{
            "template_title": "water",
            "recurrence_pattern": "daily",
            "timezone": "Europe/Berlin",
            "starts_at": datetime(2030, 1, 1, 9),  # noqa: DTZ001 - a wall clock's
            "next_occurrence": SLOT,
        }
        | fields,
    )


def on_another_connection(work: Callable[[], int]) -> int:
    def run() -> int:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(PATIENCE_SECONDS)


def slots(outcome: str) -> list[datetime]:
    found = SeriesSlot.objects.filter(outcome=outcome).order_by("slot_at")
    return list(found.values_list("slot_at", flat=True))


def generated() -> list[datetime | None]:
    return list(Task.objects.order_by("occurrence_at").values_list("occurrence_at", flat=True))


def test_a_task_with_everything(alice: User) -> None:
    tag = Tag.objects.create(user=alice, name="home")
    template = template_of(
        alice, template_description="all", priority_id=3, due_after_minutes=60, reminder_offsets=[60, 90]
    )
    template.tags.set([tag])
    with recorded() as found:
        assert generate_due() == 1
    task = Task.objects.get()
    assert found.types == [("task.created", task.pk)]
    assert found.data(task.pk)["tag_ids"] == [tag.pk]
    assert (task.title, task.description, task.priority_id, task.timezone) == (
        "water",
        "all",
        3,
        "Europe/Berlin",
    )
    assert (task.occurrence_at, task.due_at, task.recurring_task) == (
        SLOT,
        SLOT + timedelta(hours=1),
        template,
    )
    assert task.next_reminder_at == SLOT  # the earlier one was before the occurrence
    template.refresh_from_db()
    assert (template.next_occurrence, template.version) == (SLOT + timedelta(days=1), 2)
    assert slots("made") == [SLOT]


def test_only_what_is_due(alice: User) -> None:
    template_of(alice, next_occurrence=SLOT + timedelta(minutes=1))
    template_of(alice, is_active=False)
    template_of(alice, next_occurrence=None)
    assert not has_due()
    assert generate_due() == 0


def test_the_last_one_finishes_it(alice: User) -> None:
    template_of(alice, recurrence_pattern="custom", rrule="FREQ=DAILY;COUNT=154")
    assert generate_due() == 1
    template = RecurringTask.objects.get()
    assert (template.is_active, template.next_occurrence) == (False, None)


@pytest.mark.parametrize(
    ("catch_up", "days"), [("latest", [3]), ("all", [0, 1, 2, 3]), ("skip", []), ("skip on time", [3])]
)
def test_after_three_days(alice: User, clock: time_machine.Traveller, catch_up: str, days: list[int]) -> None:
    template_of(alice, catch_up=catch_up.split()[0])
    clock.move_to(NOW + timedelta(days=3, minutes=4 if "on time" in catch_up else 6))
    assert generate_due() == len(days)
    every = [SLOT + timedelta(days=day) for day in range(4)]
    made = [every[day] for day in days]
    assert (generated(), slots("made")) == (made, made)
    assert slots("missed") == [slot for slot in every if slot not in made]
    assert RecurringTask.objects.get().next_occurrence == SLOT + timedelta(days=4)


def test_what_was_missed_is_bounded(alice: User, clock: time_machine.Traveller) -> None:
    template_of(alice, recurrence_pattern="custom", cron_expression="*/5 * * * *")
    clock.move_to(NOW + timedelta(days=365))
    assert generate_due() == 1
    assert len(slots("missed")) == 30


class TestOnce:
    def test_run_by_hand_in_the_same_minute(self, alice: User) -> None:
        template = template_of(alice)
        task = run_template(template)
        assert generate_due() == 0
        assert Task.objects.get() == task
        assert RecurringTask.objects.get().next_occurrence == SLOT + timedelta(days=1)

    def test_a_slot_of_an_erased_task(self, alice: User) -> None:
        template_of(alice)
        generate_due()
        Task.objects.all().delete()
        RecurringTask.objects.update(next_occurrence=SLOT)
        assert generate_due() == 0
        assert not Task.objects.exists()

    def test_two_at_the_same_time(self, alice: User) -> None:
        template_of(alice)
        with transaction.atomic():
            assert generate_due() == 1
            assert on_another_connection(generate_due) == 0  # it does not wait for a lock
        assert len(generated()) == 1

    def test_a_clock_an_hour_ahead_and_one_behind(self, alice: User, clock: time_machine.Traveller) -> None:
        template_of(alice, recurrence_pattern="custom", cron_expression="*/5 * * * *", catch_up="all")
        for hours in (1, 0, -1, 0, 1):
            clock.move_to(NOW + timedelta(hours=hours))
            generate_due()
        assert generated() == [SLOT + timedelta(minutes=5 * number) for number in range(13)]


class TestOthersGoOn:
    def test_a_rule_of_earlier_code(self, alice: User, bob: User, clock: time_machine.Traveller) -> None:
        broken = template_of(alice, recurrence_pattern="custom", cron_expression="0 9 4,*/26 * *")
        template_of(bob)
        assert generate_due() == 1
        broken.refresh_from_db()
        assert (broken.failed_at, broken.next_occurrence) == (NOW, SLOT)
        assert broken.failure.startswith("RuleError: ")
        assert not has_due()
        clock.move_to(NOW + timedelta(minutes=30))
        assert has_due()
        RecurringTask.objects.filter(pk=broken.pk).update(cron_expression="0 9 * * *")
        assert generate_due() == 1
        broken.refresh_from_db()
        assert (broken.failed_at, broken.failure) == (None, "")

    def test_a_closed_account(self, alice: User, bob: User) -> None:
        template_of(alice)
        template_of(bob)
        close_account(alice)
        assert generate_due() == 1
        assert Task.objects.get().user == bob
        erase_closed_accounts()
        assert RecurringTask.objects.get().user == bob

    def test_an_account_that_is_being_closed(self, alice: User) -> None:
        template_of(alice)
        with transaction.atomic():
            close_account(alice)
            assert on_another_connection(generate_due) == 0

    def test_without_the_state_store(self, alice: User, settings: Settings) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        template_of(alice)
        assert generate_due() == 1


def test_the_marker(alice: User, settings: Settings) -> None:
    template = template_of(alice)
    generate_due()
    key = f"todo-app::recurring-task-processed::template-{template.pk}"
    with Redis.from_url(settings.REDIS_URL, decode_responses=True) as store:
        assert store.get(key) == NOW.isoformat()
        assert 0 < store.ttl(key) <= 7 * 24 * 3600


def test_several_batches(alice: User) -> None:
    for _ in range(5):
        template_of(alice)
    assert generate_due(limit=2) == 5


def test_a_batch_ends_at_so_many_slots(alice: User, clock: time_machine.Traveller) -> None:
    """Of templates that have missed many, not all that were claimed are generated at once."""
    for _ in range(3):
        template_of(alice, catch_up="all")
    clock.move_to(NOW + timedelta(days=9))
    with CaptureQueriesContext(connection) as queries:
        assert generate_due(limit=10) == 30
    assert sum("INSERT INTO tasks" in query["sql"] for query in queries) == 3


def test_a_batch_has_the_same_statements_whatever_its_size(alice: User) -> None:
    counts = []
    for number in (2, 20):
        for _ in range(number):
            template_of(alice).tags.set([Tag.objects.get_or_create(user=alice, name="home")[0]])
        with CaptureQueriesContext(connection) as queries:
            assert generate_due() == number
        counts.append(len(queries))
    assert counts[0] == counts[1]


class TestMove:
    def test_the_wall_clock_stays(self, alice: User, bob: User) -> None:
        end = datetime(2030, 12, 31, 22, 59, 59, 999999, tzinfo=UTC)  # of the day in Berlin
        daily, paused, his = template_of(alice, ends_at=end), template_of(alice), template_of(bob)
        finished = template_of(alice, next_occurrence=None, is_active=False)
        pause_template(paused)
        assert move_templates(alice.pk, timezone="America/New_York") == 2
        for template in (daily, paused, his, finished):
            template.refresh_from_db()
        assert daily.next_occurrence == datetime(2030, 6, 3, 13, tzinfo=UTC)
        assert daily.ends_at == end + timedelta(hours=6)
        assert (paused.timezone, paused.is_active) == ("America/New_York", False)
        assert (his.timezone, finished.timezone) == ("Europe/Berlin", "Europe/Berlin")
        assert generated() == [SLOT, SLOT]  # what was due before the move and before the pause

    def test_again_changes_nothing(self, alice: User) -> None:
        template_of(alice)
        assert [move_templates(alice.pk, timezone="Asia/Tokyo") for _ in range(2)] == [1, 0]
