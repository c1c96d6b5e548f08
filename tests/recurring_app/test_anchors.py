"""Where a series gets the time that it is counted from, and keeps it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Task
from tests.recurring_app.test_this_one_or_following import Series

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 23, 7, 13, 20, tzinfo=BERLIN)


@pytest.fixture(autouse=True)
def monday_morning():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def series(alice: User, client_of: Callable[[User], APIClient]) -> Callable[..., Series]:
    return lambda **fields: Series(client_of(alice), **fields)


def wall(task: Task) -> tuple[str | None, str | None]:
    """Its due_at and reminder_at on a clock in its zone."""
    zone = ZoneInfo(task.timezone)
    due, reminder = (time and f"{time.astimezone(zone):%d %H:%M}" for time in (task.due_at, task.reminder_at))
    return due, reminder


class TestTheFirstDueDate:
    def test_of_a_series_without_any(self, series: Any) -> None:
        """It stayed at the minute of the creation, and the next one came before the one just done."""
        daily = series(due_at=None)
        daily.change(due_at="2026-03-25T18:30:00+01:00")
        assert wall(daily.next()) == ("26 18:30", None)

    def test_of_a_later_occurrence(self, series: Any) -> None:
        daily = series(due_at=None)
        daily.next()
        daily.change(due_at="2026-03-25T18:30:00+01:00")
        assert wall(daily.next()) == ("26 18:30", None)

    def test_of_one_that_was_counted_from_its_reminder(self, series: Any) -> None:
        """Its reminder keeps the place that it has before the due date."""
        daily = series(due_at=None, reminder_at="2026-03-24T20:00:00+01:00")
        daily.change(due_at="2026-03-25T09:00:00+01:00")
        assert wall(daily.next()) == ("26 09:00", "25 20:00")

    def test_what_is_left_of_a_count(self, series: Any) -> None:
        two = series(due_at=None, recurrence_rule="rrule:FREQ=DAILY;COUNT=2")
        two.next()
        two.change(due_at="2026-03-25T18:30:00+01:00")
        assert two.task.recurrence_rule == "rrule:FREQ=DAILY;COUNT=1"

    def test_must_be_before_the_end(self, series: Any) -> None:
        daily = series(due_at=None, recurrence_end="2026-03-24")
        refusal = daily.refusal(due_at="2026-03-25T18:30:00+01:00")
        assert refusal == (400, "ends_before_first", "recurrence_end")


class TestTheFirstReminder:
    def test_of_a_series_with_neither(self, series: Any) -> None:
        daily = series(due_at=None)
        daily.change(reminder_at="2026-03-24T20:00:00+01:00")
        assert wall(daily.next()) == (None, "25 20:00")

    def test_of_one_with_due_dates_moves_nothing(self, series: Any) -> None:
        daily = series(due_at="2026-03-25T09:00:00+01:00")
        daily.change(reminder_at="2026-03-24T20:00:00+01:00")
        assert wall(daily.next()) == ("26 09:00", "25 20:00")


class TestANewRule:
    GAP_DAY = "2026-03-29T01:30:00Z"  # 03:30, where 02:30 is skipped

    @pytest.fixture
    def on_the_gap_day(self, series: Any) -> Series:
        nightly = series(due_at="2026-03-28T02:30:00+01:00")
        nightly.next()
        assert nightly.task.due_at == datetime.fromisoformat(self.GAP_DAY)
        return nightly

    @pytest.mark.parametrize(("rule", "next_one"), [("weekly", "05 02:30"), ("cron:30 2 * * *", "30 02:30")])
    def test_keeps_the_anchors_time_on_a_day_without_it(
        self, rule: str, next_one: str, on_the_gap_day: Series
    ) -> None:
        """It was 03:30 from then on."""
        on_the_gap_day.change(recurrence_rule=rule)
        assert wall(on_the_gap_day.next())[0] == next_one

    def test_but_takes_the_time_of_one_that_was_moved(self, on_the_gap_day: Series) -> None:
        on_the_gap_day.change(due_at="2026-03-29T03:45:00+02:00")
        on_the_gap_day.change(recurrence_rule="weekly")
        assert wall(on_the_gap_day.next())[0] == "05 03:45"

    def test_of_a_series_without_due_dates_begins_at_its_occurrence(self, series: Any) -> None:
        """Not at the creation of the occurrence, which was when the one before was completed."""
        daily = series(due_at=None)
        daily.next()
        daily.change(recurrence_rule="weekly")
        assert daily.next().occurrence_at == datetime(2026, 3, 31, 7, 13, tzinfo=BERLIN)


class TestTheZone:
    def test_a_put_without_it_leaves_it(self, series: Any, alice: User) -> None:
        """It moved the series to where its user was at that time."""
        daily = series(due_at="2026-03-25T09:00:00+01:00")
        once = Task.objects.create(user=alice, title="once")
        before = daily.task.series_id
        User.objects.update(timezone="Asia/Tokyo")
        alice.refresh_from_db()
        body = {"title": "x", "due_at": "2026-03-25T09:00:00+01:00"}
        daily.change("put", **body, recurrence_rule="daily")
        assert (daily.task.timezone, daily.task.series_id) == ("Europe/Berlin", before)
        daily.task = once
        assert daily.change("put", **body).timezone == "Europe/Berlin"

    def test_a_new_one_is_a_new_series_with_the_reminder_where_it_was(self, series: Any) -> None:
        daily = series(due_at="2026-03-25T09:00:00+01:00", reminder_at="2026-03-24T20:00:00+01:00")
        daily.change(timezone="Asia/Tokyo")
        assert wall(daily.task) == ("25 17:00", "25 04:00")
        assert wall(daily.next()) == ("26 17:00", "26 04:00")


class TestTheEnd:
    def test_a_date_alone_is_the_end_of_that_local_day(self, series: Any) -> None:
        daily = series(due_at="2026-03-28T09:00:00+01:00", recurrence_end="2026-03-29")
        assert daily.task.recurrence_end == datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC)
        assert wall(daily.next())[0] == "29 09:00"
        with pytest.raises(Task.DoesNotExist):
            daily.next()

    @pytest.mark.parametrize(
        ("due", "end", "code"),
        [
            ("2026-03-28T09:00:00+01:00", "2026-03-27", "ends_before_first"),
            ("2026-03-28T09:00:00+01:00", "2026-03-28T07:59:59Z", "ends_before_first"),
            ("2026-03-28T09:00:00+01:00", "2026-03-28T08:00:00Z", None),
            ("2026-03-28T09:00:00+01:00", "2026-03-28", None),
            (None, "2026-03-22", "ends_before_first"),
            (None, "2026-03-23", None),
        ],
    )
    def test_not_before_the_first(self, due: str | None, end: str, code: str | None, series: Any) -> None:
        daily = series(due_at=due)
        if code is None:
            assert daily.change(recurrence_end=end).recurrence_end
        else:
            assert daily.refusal(recurrence_end=end) == (400, code, "recurrence_end")

    def test_only_with_a_rule_and_it_goes_with_the_rule(self, series: Any) -> None:
        daily = series(due_at=NOW + timedelta(days=1), recurrence_end="2026-04-30")
        assert daily.change(recurrence_rule=None).recurrence_end is None
        refusal = daily.refusal(recurrence_end="2026-04-30")
        assert refusal == (400, "needs_rule", "recurrence_end")
