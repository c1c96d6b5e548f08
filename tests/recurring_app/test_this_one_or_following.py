"""A change of one occurrence is of that one alone, or of all that follow: `apply_to`."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.models import ParkedEvent
from events_app.relay import relay_batch
from tasks_app.models import Task
from tasks_app.services import complete_task, reopen_task, trash_task

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 23, 9, tzinfo=BERLIN)  # clocks go forward on the Sunday after


def at(day: int, hour: int = 9, minute: int = 0) -> datetime:
    """A time in Berlin, days after that Monday."""
    return MONDAY.replace(hour=hour, minute=minute) + timedelta(days=day)


@pytest.fixture(autouse=True)
def early_on_monday():
    with time_machine.travel(MONDAY - timedelta(hours=2), tick=False) as traveller:
        yield traveller


class Series:
    """A series of alice's, through the API."""

    def __init__(self, client: APIClient, **fields: Any) -> None:
        self.client = client
        body = {"title": "report", "due_at": MONDAY, "recurrence_rule": "daily"} | fields
        answer = client.post("/api/tasks", body)
        assert answer.status_code == 201, answer.content
        self.task = Task.objects.get(pk=answer.json()["id"])

    def send(self, method: str = "patch", **body: Any) -> Any:
        answer = getattr(self.client, method)(f"/api/tasks/{self.task.pk}", body)
        self.task.refresh_from_db()
        return answer

    def change(self, method: str = "patch", **body: Any) -> Task:
        answer = self.send(method, **body)
        assert answer.status_code == 200, answer.content
        return self.task

    def refusal(self, **body: Any) -> tuple[int, str, str | None]:
        """The status, and the code and field of the only error."""
        before = vars(self.task.stored)
        answer = self.send(**body)
        (error,) = answer.json()["errors"]
        assert vars(self.task.stored) == before
        return answer.status_code, error["code"], error["attr"]

    def next(self) -> Task:
        """The task that completing the present one creates."""
        complete_task(Task.objects.locked().get(pk=self.task.pk))
        while relay_batch(InProcessBroker()):
            pass
        assert not ParkedEvent.objects.exists()
        self.task = Task.objects.get(generated_from=self.task.pk)
        return self.task


@pytest.fixture
def series(alice: User, client_of: Callable[[User], APIClient]) -> Callable[..., Series]:
    return lambda **fields: Series(client_of(alice), **fields)


class TestThisOneAlone:
    def test_a_moved_due_date_leaves_the_reminders_of_those_that_follow(self, series: Any) -> None:
        """Moved back by two days it gave each later one a reminder in the past, which never rang."""
        daily = series(due_at=at(0, 18, 30), reminder_at=at(0, 18))
        daily.change(due_at=at(2, 18, 30))
        assert daily.next().reminder_at == at(1, 18)
        assert daily.task.next_reminder_at == at(1, 18)
        assert daily.next().reminder_at == at(2, 18)

    def test_nor_when_it_is_brought_forward(self, series: Any) -> None:
        daily = series(due_at=at(2, 18, 30), reminder_at=at(2, 18))
        daily.change(due_at=at(0, 12), apply_to="this")
        assert (daily.next().due_at, daily.task.reminder_at) == (at(3, 18, 30), at(3, 18))

    def test_a_moved_reminder_is_of_this_one(self, series: Any) -> None:
        daily = series(reminder_at=at(0, 8))
        assert daily.change(reminder_at=at(0, 7, 30)).next_reminder_at == at(0, 7, 30)
        assert daily.next().reminder_at == at(1, 8)

    def test_so_is_one_that_is_removed(self, series: Any) -> None:
        daily = series(reminder_at=at(0, 8))
        daily.change(reminder_at=None)
        assert daily.next().reminder_at == at(1, 8)

    def test_and_a_due_date_that_is_removed(self, series: Any) -> None:
        daily = series(reminder_at=at(0, 8))
        daily.change(due_at=None)
        assert (daily.next().due_at, daily.task.reminder_at) == (at(1), at(1, 8))

    def test_a_due_date_that_is_set_again_moves_no_series(self, series: Any) -> None:
        daily = series()
        daily.change(due_at=None)
        daily.change(due_at=at(0, 15))
        assert daily.next().due_at == at(1)

    def test_the_evening_before_stays_there_over_the_change_of_clocks(self, series: Any) -> None:
        weekly = series(due_at=at(6), recurrence_rule="weekly", reminder_at=at(5, 20))
        assert weekly.next().reminder_at == at(12, 20)

    def test_the_first_reminder_is_the_series_own(self, series: Any) -> None:
        daily = series()
        daily.change(due_at=at(1, 12))
        daily.change(reminder_at=at(1, 11, 30))
        assert daily.next().reminder_at == at(1, 8, 30)

    def test_offsets_hold_for_all_and_end_the_reminder_of_the_series(self, series: Any) -> None:
        daily = series(reminder_at=at(0, 8))
        daily.change(reminder_at=None, reminder_offsets=[15])
        assert (daily.next().reminder_at, daily.task.reminder_offsets) == (None, [15])
        daily.change(reminder_offsets=[])
        assert (daily.next().reminder_at, daily.task.reminder_offsets) == (None, [])

    def test_a_put_of_what_was_read_with_another_due_date(self, series: Any) -> None:
        """It sends the rule as well, but does not set it."""
        daily = series(reminder_at=at(0, 8))
        names = ("title", "reminder_at", "recurrence_rule", "timezone", "recurrence_mode")
        body = {name: daily.client.get(f"/api/tasks/{daily.task.pk}").json()[name] for name in names}
        daily.change("put", **body, due_at=at(0, 15))
        assert (daily.next().due_at, daily.task.reminder_at) == (at(1), at(1, 8))


class TestThisAndAllThatFollow:
    def test_begins_a_new_series_at_the_new_due_time(self, series: Any) -> None:
        daily = series(reminder_at=at(0, 8))
        old = daily.task
        moved = daily.next()
        assert moved.series_id == old.series_id
        daily.change(due_at=at(2, 11), apply_to="following")
        assert moved.series_id != old.series_id
        assert (moved.parent_task_id, moved.occurrence_at) == (None, at(2, 11))
        assert moved.generated_from_id == old.pk
        assert daily.next().due_at == at(3, 11)
        assert daily.task.parent_task_id == moved.pk

    def test_the_reminder_stays_at_its_time_of_the_day(self, series: Any) -> None:
        daily = series(reminder_at=at(0, 8))
        assert daily.change(due_at=at(2, 11), apply_to="following").reminder_at == at(2, 8)
        assert daily.next().reminder_at == at(3, 8)

    def test_a_reminder_that_was_moved_alone_stays(self, series: Any) -> None:
        daily = series(reminder_at=at(0, 8))
        daily.change(reminder_at=at(0, 7, 30))
        assert daily.change(due_at=at(2, 11), apply_to="following").reminder_at == at(0, 7, 30)
        assert daily.next().reminder_at == at(3, 8)

    def test_with_a_reminder_of_its_own(self, series: Any) -> None:
        daily = series(reminder_at=at(0, 8))
        daily.change(due_at=at(2, 11), reminder_at=at(1, 20), apply_to="following")
        assert daily.next().reminder_at == at(2, 20)

    def test_a_reminder_alone_moves_no_series(self, series: Any) -> None:
        daily = series()
        before = daily.task.series_id
        daily.change(reminder_at=at(0, 8), apply_to="this")
        daily.change(reminder_at=at(0, 7, 30), apply_to="following")
        assert daily.task.series_id == before
        assert (daily.next().due_at, daily.task.reminder_at) == (at(1), at(1, 7, 30))

    def test_no_reminder_any_more(self, series: Any) -> None:
        daily = series(reminder_at=at(0, 8))
        daily.change(reminder_at=None, apply_to="following")
        assert daily.next().reminder_at is None

    def test_no_due_date_any_more(self, series: Any) -> None:
        daily = series()
        daily.change(due_at=None, apply_to="following")
        assert (daily.next().due_at, daily.task.occurrence_at) == (None, at(1))

    @pytest.mark.parametrize(
        ("rule", "due"),
        [
            ("weekdays", at(5)),
            ("rrule:FREQ=WEEKLY;BYDAY=MO", at(3)),
            ("cron:0 9 * * *", at(0, 9, 30)),
        ],
    )
    def test_not_in_the_rule(self, rule: str, due: datetime, series: Any) -> None:
        task = series(recurrence_rule=rule)
        assert task.refusal(due_at=due, apply_to="following") == (400, "not_in_rule", "due_at")
        body = {"due_at": due, "recurrence_rule": "weekly", "apply_to": "following"}
        assert task.change(**body).occurrence_at == due

    def test_not_in_the_rule_that_is_sent(self, series: Any) -> None:
        body = {"due_at": at(3), "recurrence_rule": "rrule:FREQ=WEEKLY;BYDAY=FR", "apply_to": "following"}
        assert series().refusal(**body) == (400, "not_in_rule", "due_at")

    @pytest.mark.parametrize(
        ("sent", "left"),
        [
            ({}, "rrule:COUNT=7;freq=daily"),
            ({"recurrence_rule": "rrule:FREQ=DAILY;COUNT=4"}, "rrule:FREQ=DAILY;COUNT=4"),
            ({"recurrence_rule": "rrule:COUNT=10;freq=daily"}, "rrule:COUNT=10;freq=daily"),
        ],
    )
    def test_count_keeps_what_was_left(self, sent: dict[str, str], left: str, series: Any) -> None:
        ten = series(recurrence_rule="rrule:COUNT=10;freq=daily")
        for _ in range(3):
            ten.next()
        assert ten.change(due_at=at(3, 15), apply_to="following", **sent).recurrence_rule == left

    def test_no_more_than_were_left_come(self, series: Any) -> None:
        three = series(recurrence_rule="rrule:FREQ=DAILY;COUNT=3")
        three.next()
        three.change(due_at=at(1, 15), apply_to="following")
        assert three.next().due_at == at(2, 15)
        with pytest.raises(Task.DoesNotExist):
            three.next()

    def test_the_end_stays_and_must_not_be_before(self, series: Any) -> None:
        daily = series(recurrence_end=at(3))
        assert daily.refusal(due_at=at(4), apply_to="following") == (
            400, "ends_before_first", "recurrence_end"
        )  # fmt: skip
        assert daily.change(due_at=at(2), apply_to="following").recurrence_end == at(3)

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({}, "nothing_to_apply"),
            ({"title": "x"}, "nothing_to_apply"),
            ({"due_at": at(1), "recurrence_rule": None}, "needs_rule"),
        ],
    )
    def test_nothing_that_could_follow(self, body: dict[str, Any], code: str, series: Any) -> None:
        assert series().refusal(apply_to="following", **body) == (400, code, "apply_to")

    def test_not_on_what_is_done_or_in_the_trash(self, series: Any) -> None:
        daily = series()
        done = daily.task
        daily.next()
        trash_task(Task.objects.locked().get(pk=daily.task.pk))
        daily.task.refresh_from_db()
        assert daily.refusal(due_at=at(3), apply_to="following")[:2] == (409, "in_trash")
        daily.task = Task.objects.get(pk=done.pk)
        assert daily.refusal(due_at=at(3), apply_to="following")[:2] == (409, "not_open")

    def test_another_open_one_of_the_old_series_is_its_last(self, series: Any) -> None:
        """A reopened task and its successor, which was edited, are both open."""
        daily = series()
        head = daily.task
        daily.next()
        daily.change(title="report to all")
        reopen_task(Task.objects.locked().get(pk=head.pk))
        daily.change(due_at=at(1, 15), apply_to="following")
        head.refresh_from_db()
        assert (head.recurrence_end, head.series_id != daily.task.series_id) == (at(0), True)

    def test_in_bulk(self, series: Any) -> None:
        daily = series()
        head = daily.task
        daily.next()
        daily.change(title="report to all")
        reopen_task(Task.objects.locked().get(pk=head.pk))
        data = {"due_at": at(1, 15), "apply_to": "following"}
        operations = [{"op": "update", "id": daily.task.pk, "data": data}]
        answer = daily.client.post("/api/tasks/bulk", {"operations": operations})
        assert answer.json()["results"][0]["status"] == 200
        head.refresh_from_db()
        assert head.recurrence_end == at(0)
        daily.task.refresh_from_db()
        assert daily.next().due_at == at(2, 15)


class TestABodyThatSetsARule:
    @pytest.mark.parametrize("apply_to", [None, "this", "following"])
    @pytest.mark.parametrize("rule", ["daily", "weekly"])
    def test_begins_its_series_at_the_due_time_it_leaves(
        self, rule: str, apply_to: str | None, series: Any
    ) -> None:
        daily = series()
        sent = {} if apply_to is None else {"apply_to": apply_to}
        daily.change(recurrence_rule=rule, due_at=at(0, 15), **sent)
        assert daily.next().due_at == at(7 if rule == "weekly" else 1, 15)

    def test_also_at_one_that_was_moved_before(self, series: Any) -> None:
        daily = series()
        daily.change(due_at=at(1, 15))
        daily.change(recurrence_rule="weekly")
        assert daily.next().due_at == at(8, 15)

    def test_a_first_task_outside_its_rule(self, series: Any) -> None:
        """COUNT counts the rule's days, and the end may be before the first of them."""
        task = series(
            due_at=at(5), recurrence_rule="rrule:FREQ=WEEKLY;BYDAY=MO;COUNT=1", recurrence_end=at(6)
        )
        assert task.task.occurrence_at == at(5)
        task.change(recurrence_end=None)
        assert task.next().due_at == at(7)
        with pytest.raises(Task.DoesNotExist):
            task.next()


class TestRowsOfAnEarlierVersion:
    """They have no columns for what their series has; it is what they have."""

    @pytest.mark.parametrize(
        ("change", "reminder"),
        [
            ({}, at(1, 8)),
            ({"title": "x"}, at(1, 8)),
            ({"due_at": at(2)}, at(1, 8)),
            ({"due_at": at(2), "reminder_at": at(2, 8)}, at(1, 8)),
            ({"reminder_at": at(0, 7, 30)}, at(1, 8)),
        ],
    )
    def test_a_reminder(self, change: dict[str, Any], reminder: datetime, series: Any) -> None:
        daily = series(reminder_at=at(0, 8))
        forget(daily.task)
        if change:
            daily.change(**change)
        assert (daily.next().due_at, daily.task.reminder_at) == (at(1), reminder)


def forget(task: Task) -> None:
    """As a row that the version before this one wrote."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tasks SET series_has_due = NULL, reminder_distance = NULL WHERE id = %s", [task.pk]
        )
    task.refresh_from_db()
