"""All-day tasks: due on a local day. Source: docs/decisions/0029-all-day-tasks.md."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.models import ParkedEvent
from events_app.relay import relay_batch
from notifications_app.models import Reminder
from notifications_app.scan import scan_reminders
from tasks_app.day_starts import go_on_with_day_starts, has_new
from tasks_app.models import Task
from tasks_app.services import complete_task, create_task, update_task

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)  # alice is in Berlin, where it is 14:00


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


def create(client: APIClient, status: int = 201, **fields: Any) -> dict[str, Any]:
    response = client.post("/api/tasks", {"title": "water the plants"} | fields)
    assert response.status_code == status, response.content
    answer: dict[str, Any] = response.json()
    return answer


def change(client: APIClient, task: dict[str, Any], status: int = 200, **fields: Any) -> dict[str, Any]:
    response = client.patch(f"/api/tasks/{task['id']}", fields)
    assert response.status_code == status, response.content
    answer: dict[str, Any] = response.json()
    return answer


def due(answer: dict[str, Any]) -> tuple[Any, ...]:
    return answer["all_day"], answer["due_date"], answer["due_at"]


def errors(answer: dict[str, Any]) -> set[tuple[str, str]]:
    return {(error["attr"], error["code"]) for error in answer["errors"]}


def relay() -> None:
    while relay_batch(InProcessBroker()):
        pass
    assert not ParkedEvent.objects.exists()


def completed(client: APIClient, task: dict[str, Any]) -> Task:
    """Complete it; the next occurrence."""
    assert client.post(f"/api/tasks/{task['id']}/complete").status_code == 200
    relay()
    return Task.objects.get(generated_from=task["id"])


class TestDueOnADay:
    @pytest.mark.parametrize(
        ("zone", "day", "due_at"),
        [
            ("Europe/Berlin", "2026-05-04", "2026-05-04T21:59:00Z"),
            ("Europe/Berlin", "2026-10-25", "2026-10-25T22:59:00Z"),  # a day of 25 hours
            ("America/Havana", "2026-10-31", "2026-11-01T03:59:00Z"),
            ("America/Nuuk", "2027-03-27", "2027-03-28T00:59:00Z"),  # clocks skip its last hour
        ],
    )
    def test_is_due_at_its_last_minute(self, client: APIClient, zone: str, day: str, due_at: str) -> None:
        assert due(create(client, due_date=day, timezone=zone)) == (True, day, due_at)

    def test_a_day_that_the_zone_does_not_have(self, client: APIClient) -> None:
        answer = create(client, 400, due_date="2011-12-30", timezone="Pacific/Apia")
        assert errors(answer) == {("due_date", "no_such_date")}

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            ("2026-02-30", "invalid"),
            ("2026-05-04T09:00:00Z", "invalid"),
            ("1969-12-31", "out_of_range"),
            (20260504, "invalid"),
            ("20260504", "invalid"),
            ("2026-5-4", "invalid"),
            ("2026-W19-1", "invalid"),
            ("٢٠٢٦-05-04", "invalid"),
        ],
    )
    def test_what_is_no_day(self, client: APIClient, value: Any, code: str) -> None:
        assert errors(create(client, 400, due_date=value)) == {("due_date", code)}

    def test_a_day_and_a_time(self, client: APIClient) -> None:
        answer = create(client, 400, due_date="2026-05-04", due_at="2026-05-04T09:00:00Z")
        assert errors(answer) == {("due_date", "conflict")}
        assert due(create(client, due_date="2026-05-04", due_at=None))[:2] == (True, "2026-05-04")

    def test_is_listed_and_overdue_from_the_next_day(
        self, client: APIClient, clock: time_machine.Traveller
    ) -> None:
        task = create(client, due_date="2026-05-01")
        create(client, due_at="2026-06-01T09:00:00Z")

        def found(**query: Any) -> list[int]:
            return [one["id"] for one in client.get("/api/tasks", query).json()["results"]]

        assert found(all_day="true") == [task["id"]]
        clock.move_to(datetime(2026, 5, 1, 21, 59, 59, tzinfo=UTC))
        assert found(overdue="true") == []
        clock.move_to(datetime(2026, 5, 1, 22, 0, tzinfo=UTC))
        assert found(overdue="true") == [task["id"]]


class TestChange:
    @pytest.fixture
    def task(self, client: APIClient) -> dict[str, Any]:
        return create(client, due_date="2026-05-04")

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"due_date": "2026-05-05"}, (True, "2026-05-05", "2026-05-05T21:59:00Z")),
            ({"due_at": "2026-05-05T07:00:00Z"}, (False, None, "2026-05-05T07:00:00Z")),
            ({"due_at": "2026-05-04T21:59:00Z"}, (True, "2026-05-04", "2026-05-04T21:59:00Z")),
            ({"due_at": None}, (False, None, None)),
            ({"due_date": None}, (False, None, None)),
            ({"due_date": None, "due_at": None}, (False, None, None)),
            ({"due_date": None, "due_at": "2026-05-04T21:59:00Z"}, (False, None, None)),
            (
                {"due_date": "2026-05-05", "due_at": "2026-05-04T21:59:00Z"},
                (True, "2026-05-05", "2026-05-05T21:59:00Z"),
            ),
            (
                {"due_date": "2026-05-04", "due_at": "2026-05-06T07:00:00Z"},
                (False, None, "2026-05-06T07:00:00Z"),
            ),
            ({"timezone": "Asia/Tokyo"}, (True, "2026-05-04", "2026-05-04T14:59:00Z")),
            ({"title": "another"}, (True, "2026-05-04", "2026-05-04T21:59:00Z")),
        ],
    )
    def test_what_was_changed_holds(
        self, client: APIClient, task: dict[str, Any], fields: dict[str, Any], expected: tuple[Any, ...]
    ) -> None:
        assert due(change(client, task, **fields)) == expected

    def test_two_new_values(self, client: APIClient, task: dict[str, Any]) -> None:
        answer = change(client, task, 400, due_date="2026-05-05", due_at="2026-05-06T07:00:00Z")
        assert errors(answer) == {("due_date", "conflict")}

    def test_a_time_becomes_a_day(self, client: APIClient) -> None:
        task = create(client, due_at="2026-05-04T07:00:00Z")
        assert due(change(client, task, due_date="2026-05-04"))[:2] == (True, "2026-05-04")
        assert due(change(client, task, due_date=None)) == (False, None, None)

    def test_put_of_what_was_read(self, client: APIClient, task: dict[str, Any]) -> None:
        response = client.put(f"/api/tasks/{task['id']}", task | {"title": "another"})
        assert (response.status_code, due(response.json())) == (200, due(task))
        response = client.put(f"/api/tasks/{task['id']}", {"title": "a", "due_date": "2026-05-09"})
        assert due(response.json())[:2] == (True, "2026-05-09")
        assert due(client.put(f"/api/tasks/{task['id']}", {"title": "a"}).json()) == (False, None, None)

    def test_by_a_service(self, alice: User) -> None:
        task = create_task(alice, title="a", due_date=date(2026, 5, 4))
        update_task(task, due_at=NOW + timedelta(days=1))
        assert (task.all_day, task.due_date) == (False, None)


class TestSeries:
    def test_following_with_a_zone_alone(self, client: APIClient) -> None:
        task = create(client, due_date="2026-05-01", recurrence_rule="daily")
        answer = change(client, task, 400, timezone="Asia/Tokyo", apply_to="following")
        assert errors(answer) == {("apply_to", "nothing_to_apply")}

    def test_occurrences_are_days(self, client: APIClient) -> None:
        task = create(client, due_date="2026-05-01", recurrence_rule="daily")
        assert task["recurrence_text"] == "every day"
        assert task["occurrence_at"] == task["due_at"]
        following = completed(client, task)
        assert (following.due_date, following.all_day) == (date(2026, 5, 2), True)
        assert following.occurrence_at == following.due_at == datetime(2026, 5, 2, 21, 59, tzinfo=UTC)

    def test_over_a_change_of_clocks(self, client: APIClient, clock: time_machine.Traveller) -> None:
        clock.move_to(datetime(2026, 10, 24, 10, tzinfo=UTC))
        task = create(client, due_date="2026-10-24", recurrence_rule="daily")
        following = completed(client, task)
        assert following.due_date == date(2026, 10, 25)
        assert following.due_at == datetime(2026, 10, 25, 22, 59, tzinfo=UTC)

    def test_the_31st_comes_back(self, client: APIClient, clock: time_machine.Traveller) -> None:
        clock.move_to(datetime(2026, 1, 31, 10, tzinfo=UTC))
        task: Any = create(client, due_date="2026-01-31", recurrence_rule="monthly")
        days = []
        for _ in range(3):
            following = completed(client, task)
            days.append(following.due_date)
            task = {"id": following.pk}
            clock.move_to(following.due_at)
        assert days == [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]

    def test_after_completion(self, client: APIClient, clock: time_machine.Traveller) -> None:
        task = create(
            client, due_date="2026-05-01", recurrence_rule="weekly", recurrence_mode="after_completion"
        )
        clock.move_to(datetime(2026, 5, 5, 22, 30, tzinfo=UTC))  # the 6th in Berlin
        assert completed(client, task).due_date == date(2026, 5, 13)

    def test_cron_has_times(self, client: APIClient) -> None:
        answer = create(client, 400, due_date="2026-05-04", recurrence_rule="cron:0 9 * * *")
        assert errors(answer) == {("recurrence_rule", "needs_a_time")}
        timed = create(client, due_at="2026-05-04T07:00:00Z", recurrence_rule="cron:0 9 * * *")
        answer = change(client, timed, 400, due_date="2026-05-05", apply_to="following")
        assert errors(answer) == {("recurrence_rule", "needs_a_time")}

    def test_one_occurrence_at_a_time_is_that_one_alone(self, client: APIClient) -> None:
        task = create(client, due_date="2026-05-01", recurrence_rule="daily")
        changed = change(client, task, due_at="2026-05-01T18:00:00Z")
        assert (changed["all_day"], changed["slot_state"]) == (False, "moved")
        assert completed(client, task).due_date == date(2026, 5, 2)

    def test_this_and_all_that_follow_become_days(self, client: APIClient) -> None:
        task = create(client, due_at="2026-05-01T18:00:00Z", recurrence_rule="daily")
        change(client, task, due_date="2026-05-03", apply_to="following")
        assert completed(client, task).due_date == date(2026, 5, 4)

    def test_this_and_all_that_follow_get_times(self, client: APIClient) -> None:
        task = create(client, due_date="2026-05-01", recurrence_rule="daily")
        change(client, task, due_at="2026-05-01T18:00:00Z", apply_to="following")
        following = completed(client, task)
        assert (following.all_day, following.due_at) == (False, datetime(2026, 5, 2, 18, tzinfo=UTC))

    def test_a_day_that_is_not_in_the_rule(self, client: APIClient) -> None:
        task = create(client, due_date="2026-05-01", recurrence_rule="weekdays")
        answer = change(client, task, 400, due_date="2026-05-02", apply_to="following")
        assert errors(answer) == {("due_date", "not_in_rule")}

    def test_a_reminder_on_the_evening_before(self, client: APIClient, clock: time_machine.Traveller) -> None:
        clock.move_to(datetime(2026, 10, 23, 10, tzinfo=UTC))
        task = create(
            client, due_date="2026-10-25", recurrence_rule="daily", reminder_at="2026-10-24T20:00:00+02:00"
        )
        following = completed(client, task)
        assert following.reminder_at == datetime(2026, 10, 25, 19, tzinfo=UTC)  # 20:00 in winter time

    def test_the_next_five(self, client: APIClient) -> None:
        task = create(client, due_date="2026-05-01", recurrence_rule="daily")
        response = client.get(f"/api/tasks/{task['id']}/occurrences")
        assert response.status_code == 200
        assert "2026-05-02T23:59+02:00" in response.content.decode()


class TestReminders:
    def test_offsets_count_back_from_the_start_of_the_day(self, client: APIClient) -> None:
        task = create(client, due_date="2026-05-04", reminder_offsets=[0, 30, 1440, 1500])
        instants = rings(task)
        assert instants == [
            datetime(2026, 5, 3, 6, tzinfo=UTC),  # 08:00 on the day before
            datetime(2026, 5, 3, 7, tzinfo=UTC),
            datetime(2026, 5, 4, 6, 30, tzinfo=UTC),
            datetime(2026, 5, 4, 7, tzinfo=UTC),  # 09:00
        ]

    def test_whole_days_are_local_days(self, client: APIClient) -> None:
        task = create(client, due_date="2026-10-26", reminder_offsets=[1440, 2880])
        assert rings(task) == [
            datetime(2026, 10, 24, 7, tzinfo=UTC),
            datetime(2026, 10, 25, 8, tzinfo=UTC),  # 09:00 too, after clocks went back
        ]

    def test_ring_once(self, client: APIClient, clock: time_machine.Traveller) -> None:
        create(client, due_date="2026-05-04", reminder_offsets=[0])
        clock.move_to(datetime(2026, 5, 4, 6, 59, 59, tzinfo=UTC))
        assert scan_reminders() == 0
        clock.shift(timedelta(seconds=1))
        assert (scan_reminders(), scan_reminders()) == (1, 0)

    def test_the_next_occurrence_has_its_own(self, client: APIClient) -> None:
        task = create(client, due_date="2026-05-01", recurrence_rule="daily", reminder_offsets=[60])
        assert completed(client, task).next_reminder_at == datetime(2026, 5, 2, 6, tzinfo=UTC)


class TestTheDayStartsAtAnotherTime:
    def test_reminders_move_with_it(self, client: APIClient) -> None:
        task = create(client, due_date="2026-05-04", reminder_offsets=[0])
        timed = create(client, due_at="2026-05-04T07:00:00Z", reminder_offsets=[0])
        assert client.patch("/api/me", {"day_starts_at": "07:30"}).json()["day_starts_at"] == "07:30"
        assert has_new()
        assert go_on_with_day_starts() == 1
        assert not has_new()
        another = create(client, due_date="2026-05-04", reminder_offsets=[0])
        rings_at = dict(Task.objects.values_list("pk", "next_reminder_at"))
        half_past_seven = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)
        assert rings_at == {
            task["id"]: half_past_seven,
            timed["id"]: datetime(2026, 5, 4, 7, tzinfo=UTC),
            another["id"]: half_past_seven,
        }

    def test_what_rang_does_not_ring_again(self, client: APIClient, clock: time_machine.Traveller) -> None:
        task = create(client, due_date="2026-05-04", reminder_offsets=[0, 1440])
        clock.move_to(datetime(2026, 5, 3, 7, 30, tzinfo=UTC))
        assert scan_reminders() == 1
        client.patch("/api/me", {"day_starts_at": "10:00"})
        go_on_with_day_starts()
        clock.move_to(datetime(2026, 5, 5, tzinfo=UTC))
        assert scan_reminders() == 1
        rung = Reminder.objects.filter(task=task["id"]).order_by("reminder_at")
        assert [one.reminder_at for one in rung] == [
            datetime(2026, 5, 3, 7, tzinfo=UTC),
            datetime(2026, 5, 4, 8, tzinfo=UTC),
        ]

    @pytest.mark.parametrize(
        ("leave", "come_back"),
        [
            (("post", "/complete", {}), ("post", "/reopen", {})),
            (("delete", "", {}), ("post", "/restore", {})),
            (("patch", "", {"archived": True}), ("patch", "", {"archived": False})),
        ],
    )
    def test_of_a_task_that_comes_back_later(
        self, client: APIClient, leave: tuple[str, str, Any], come_back: tuple[str, str, Any]
    ) -> None:
        task = create(client, due_date="2026-05-04", reminder_offsets=[0])

        def do(method: str, route: str, body: Any) -> None:
            response = getattr(client, method)(f"/api/tasks/{task['id']}{route}", body)
            assert response.status_code in (200, 204)

        do(*leave)
        client.patch("/api/me", {"day_starts_at": "07:30"})
        go_on_with_day_starts()
        do(*come_back)
        assert Task.objects.get().next_reminder_at == datetime(2026, 5, 4, 5, 30, tzinfo=UTC)

    def test_a_snooze_stays(self, client: APIClient) -> None:
        task = create(client, due_date="2026-05-04", reminder_offsets=[0])
        until = {"until": "2026-05-05T08:00:00Z"}
        assert client.post(f"/api/tasks/{task['id']}/snooze", until).status_code == 200
        client.patch("/api/me", {"day_starts_at": "07:30"})
        go_on_with_day_starts()
        assert Task.objects.get().snoozed_until == datetime(2026, 5, 5, 8, tzinfo=UTC)
        assert change(client, task, due_date="2026-05-06")["snoozed_until"] is None

    def test_the_same_time_moves_nothing(self, client: APIClient) -> None:
        client.patch("/api/me", {"day_starts_at": "09:00"})
        assert not has_new()

    def test_and_back_at_the_same_moment(self, client: APIClient, alice: User) -> None:
        """Another request has changed it since this one read its user."""
        User.objects.filter(pk=alice.pk).update(day_starts_at=time(7, 30))
        client.patch("/api/me", {"day_starts_at": "09:00"})
        assert has_new()

    @pytest.mark.parametrize("value", ["9", "24:00", "09:00:01", None, 9])
    def test_what_is_no_time(self, client: APIClient, value: Any) -> None:
        response = client.patch("/api/me", {"day_starts_at": value})
        assert response.status_code == 400
        assert {error["attr"] for error in response.json()["errors"]} == {"day_starts_at"}

    def test_another_users_tasks_stay(self, client: APIClient, bob: User) -> None:
        task = create_task(bob, title="his", due_date=date(2026, 5, 4), reminder_offsets=[0])
        client.patch("/api/me", {"day_starts_at": "07:30"})
        go_on_with_day_starts()
        task.refresh_from_db()
        assert task.day_starts_at == time(9)


def rings(task: dict[str, Any]) -> list[datetime]:
    """The instants at which the task will ring, one after the other."""
    row = Task.objects.get(pk=task["id"])
    instants = []
    with time_machine.travel(NOW, tick=False) as clock:
        while (at := Task.objects.get(pk=row.pk).next_reminder_at) is not None:
            instants.append(at)
            clock.move_to(at)
            scan_reminders()
    return instants


def test_moving_to_another_zone_keeps_the_day(client: APIClient) -> None:
    task = create(client, due_date="2026-05-04", recurrence_rule="daily")
    response = client.patch("/api/me", {"timezone": "Asia/Tokyo", "move_series": True})
    assert response.status_code == 200
    moved = client.get(f"/api/tasks/{task['id']}").json()
    assert due(moved) == (True, "2026-05-04", "2026-05-04T14:59:00Z")
    assert moved["occurrence_at"] == moved["due_at"]
    assert completed(client, task).due_date == date(2026, 5, 5)


def test_a_completed_task_of_a_service(alice: User) -> None:
    task = create_task(alice, title="a", due_date=date(2026, 5, 4), recurrence_rule="weekly")
    complete_task(task)
    relay()
    assert Task.objects.get(generated_from=task).due_date == date(2026, 5, 11)


def test_a_successor_with_a_time_of_its_own_comes_back_on_the_day_of_its_slot(
    client: APIClient, clock: time_machine.Traveller
) -> None:
    task = create(client, due_date="2026-05-04", recurrence_rule="daily")
    following = completed(client, task)
    change(client, {"id": following.pk}, due_at="2026-05-05T10:00:00Z")
    client.delete(f"/api/tasks/{following.pk}")
    client.post(f"/api/tasks/{task['id']}/reopen")
    clock.move_to(datetime(2026, 5, 7, 10, tzinfo=UTC))
    again = completed(client, task)
    assert (again.pk, again.deleted_at) == (following.pk, None)
    assert (again.all_day, again.due_date) == (True, date(2026, 5, 7))
