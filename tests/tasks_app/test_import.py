"""Importing tasks from another system: what was done and due there, and the same import again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.models import OutboxEvent
from events_app.relay import relay_batch
from notifications_app.due_soon import announce_due_soon
from notifications_app.scan import scan_reminders
from tasks_app.models import Tag, Task
from tasks_app.services import create_task, trash_task

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LAST_YEAR = "2025-03-01T08:00:00Z"
LAST_JUNE = "2025-06-01T08:00:00Z"


@pytest.fixture(autouse=True)
def frozen():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


def create(client: APIClient, **fields: Any) -> Any:
    return client.post("/api/tasks", {"title": "old"} | fields)


def created(client: APIClient, **fields: Any) -> Task:
    response = create(client, **fields)
    assert response.status_code == 201, response.content
    return Task.objects.get(pk=response.json()["id"])


def errors(response: Any) -> tuple[int, set[tuple[str, str]]]:
    return response.status_code, {(error["attr"], error["code"]) for error in response.json()["errors"]}


def bulk(client: APIClient, *data: dict[str, Any], status: int = 200) -> Any:
    operations = [{"op": "create", "data": {"title": "old"} | one} for one in data]
    response = client.post("/api/tasks/bulk", {"operations": operations})
    assert response.status_code == status, response.content
    return response.json() if status != 200 else response.json()["results"]


def operations(client: APIClient, *given: dict[str, Any]) -> Any:
    """The results of a bulk in which each operation is on its own."""
    response = client.post("/api/tasks/bulk", {"operations": given, "atomic": False})
    assert response.status_code == 200, response.content
    return response.json()["results"]


class TestTimes:
    def test_of_a_completed_task(self, client: APIClient) -> None:
        task = created(client, completed=True, created_at=LAST_YEAR, completed_at=LAST_JUNE)
        assert task.completed
        assert task.created_at == datetime(2025, 3, 1, 8, tzinfo=UTC)
        assert task.completed_at == datetime(2025, 6, 1, 8, tzinfo=UTC)
        assert task.updated_at == NOW  # a client that syncs by updated_at sees it
        assert task.version == 1

    def test_of_an_open_task(self, client: APIClient) -> None:
        task = created(client, created_at=LAST_YEAR)
        assert (task.completed, task.completed_at, task.created_at.year) == (False, None, 2025)

    def test_defaults(self, client: APIClient) -> None:
        task = created(client, completed=True)
        assert task.completed_at == task.created_at == NOW
        task = created(client, completed=True, completed_at=LAST_JUNE)
        assert task.completed_at == task.created_at

    @pytest.mark.parametrize(
        ("fields", "attr", "code"),
        [
            ({"completed_at": LAST_JUNE}, "completed_at", "needs_completed"),
            ({"completed": False, "completed_at": LAST_JUNE}, "completed_at", "needs_completed"),
            (
                {"completed": False, "completed_at": LAST_JUNE, "created_at": LAST_YEAR},
                "completed_at",
                "needs_completed",
            ),
            ({"completed": True, "completed_at": "2026-05-01T12:00:01Z"}, "completed_at", "future"),
            ({"created_at": "2026-05-01T12:00:01Z"}, "created_at", "future"),
            ({"created_at": "1969-12-31T23:59:59Z"}, "created_at", "out_of_range"),
            (
                {"completed": True, "created_at": LAST_JUNE, "completed_at": LAST_YEAR},
                "completed_at",
                "before_creation",
            ),
            ({"completed": "true"}, "completed", "invalid"),
            ({"created_at": None}, "created_at", "null"),
        ],
    )
    def test_what_cannot_be(self, client: APIClient, fields: dict[str, Any], attr: str, code: str) -> None:
        assert errors(create(client, **fields)) == (400, {(attr, code)})
        assert not Task.objects.exists()

    def test_only_when_it_is_created(self, client: APIClient, alice: User) -> None:
        task = create_task(alice, title="mine")
        response = client.patch(f"/api/tasks/{task.pk}", {"created_at": LAST_YEAR})
        assert errors(response) == (400, {("created_at", "read_only")})


class TestThePast:
    def test_is_accepted_and_never_rings(self, client: APIClient) -> None:
        created(client, created_at=LAST_YEAR, due_at=LAST_JUNE, reminder_at=LAST_JUNE)
        created(client, created_at=LAST_YEAR, due_at=LAST_JUNE, reminder_offsets=[10])
        assert scan_reminders() == 0

    def test_a_reminder_still_to_come_rings(self, client: APIClient, frozen: time_machine.Traveller) -> None:
        created(client, created_at=LAST_YEAR, reminder_at="2026-05-01T13:00:00Z")
        frozen.shift(timedelta(hours=2))
        assert scan_reminders() == 1

    def test_a_finished_series(self, client: APIClient) -> None:
        task = created(
            client,
            completed=True,
            created_at=LAST_YEAR,
            completed_at=LAST_JUNE,
            due_at=LAST_JUNE,
            recurrence_rule="daily",
            recurrence_end="2025-07-01T08:00:00Z",
        )
        assert task.recurrence_end == datetime(2025, 7, 1, 8, tzinfo=UTC)

    def test_is_refused_of_any_other_new_task(self, client: APIClient) -> None:
        assert errors(create(client, reminder_at=LAST_JUNE)) == (400, {("reminder_at", "past")})


class TestEvents:
    def test_only_that_it_was_created(self, client: APIClient) -> None:
        created(client, completed=True, due_at="2026-05-01T20:00:00Z", recurrence_rule="daily")
        assert list(OutboxEvent.objects.order_by("id").values_list("type", flat=True)) == [
            "task.created",
            "task.sync",
        ]

    def test_no_next_occurrence_and_no_announcement(self, client: APIClient) -> None:
        created(client, completed=True, due_at="2026-05-01T20:00:00Z", recurrence_rule="daily")
        while relay_batch(InProcessBroker()):
            pass
        assert announce_due_soon() == 0
        assert Task.objects.count() == 1


class TestExternalId:
    def test_is_answered_and_found(self, client: APIClient, bob: User) -> None:
        task = created(client, external_id="todoist:7")
        create_task(bob, title="another user's", external_id="todoist:7")
        listed = client.get("/api/tasks", {"external_id": "todoist:7"}).json()["results"]
        assert [(one["id"], one["external_id"]) for one in listed] == [(task.pk, "todoist:7")]

    def test_is_of_one_task(self, client: APIClient, alice: User) -> None:
        first = created(client, external_id="todoist:7")
        response = create(client, external_id="todoist:7")
        assert errors(response) == (409, {("external_id", "external_id_taken")})
        assert f"task {first.pk} " in response.json()["errors"][0]["detail"]
        other = create_task(alice, title="other")
        response = client.patch(f"/api/tasks/{other.pk}", {"external_id": "todoist:7"})
        assert response.status_code == 409

    def test_may_be_sent_again_changed_and_removed(self, client: APIClient) -> None:
        task = created(client, external_id="todoist:7")
        for value in ("todoist:7", "todoist:8", None):
            response = client.patch(f"/api/tasks/{task.pk}", {"external_id": value})
            assert (response.status_code, response.json()["external_id"]) == (200, value)

    @pytest.mark.parametrize(("value", "code"), [("", "blank"), ("x" * 201, "max_length"), (7, "invalid")])
    def test_what_it_cannot_be(self, client: APIClient, value: Any, code: str) -> None:
        assert errors(create(client, external_id=value)) == (400, {("external_id", code)})


class TestTheSameBulkAgain:
    def test_updates_the_same_tasks(self, client: APIClient) -> None:
        data = [
            {"external_id": "a", "completed": True, "created_at": LAST_YEAR, "completed_at": LAST_JUNE},
            {"external_id": "b", "created_at": LAST_YEAR, "due_at": LAST_JUNE, "reminder_at": LAST_JUNE},
            {"external_id": "c", "tags": ["home"]},
        ]
        first = bulk(client, *data)
        before = list(Task.objects.order_by("id").values())
        second = bulk(client, *data)
        assert [one["status"] for one in first] == [201] * 3
        assert second == [{"status": 200, "id": one["id"]} for one in first]
        assert list(Task.objects.order_by("id").values()) == before

    def test_takes_what_changed_there(self, client: APIClient) -> None:
        [made] = bulk(client, {"external_id": "a", "created_at": LAST_YEAR})
        bulk(client, {"external_id": "a", "title": "new", "completed": True, "completed_at": LAST_JUNE})
        task = Task.objects.get(pk=made["id"])
        assert (task.title, task.completed, task.completed_at) == (
            "new",
            True,
            datetime(2025, 6, 1, 8, tzinfo=UTC),
        )
        assert task.created_at.year == 2025

    def test_brings_a_task_back_from_the_trash(self, client: APIClient) -> None:
        [made] = bulk(client, {"external_id": "a"})
        trash_task(Task.objects.get(pk=made["id"]))
        assert bulk(client, {"external_id": "a"}) == [{"status": 200, "id": made["id"]}]
        assert Task.objects.get().deleted_at is None

    def test_that_fails_leaves_it_in_the_trash(self, client: APIClient) -> None:
        [made] = bulk(client, {"external_id": "a"})
        trash_task(Task.objects.get(pk=made["id"]))
        operations = [
            {"op": "create", "data": {"external_id": "a", "title": "a", "priority": "none such"}},
            {"op": "complete", "id": made["id"]},
        ]
        response = client.post("/api/tasks/bulk", {"operations": operations, "atomic": False})
        assert [one["status"] for one in response.json()["results"]] == [400, 409]
        assert Task.objects.get().deleted_at is not None

    def test_leaves_another_users_task_alone(self, client: APIClient, bob: User) -> None:
        his = create_task(bob, title="his", external_id="a")
        [made] = bulk(client, {"external_id": "a"})
        assert (made["status"], made["id"] != his.pk) == (201, True)
        assert Task.objects.get(pk=his.pk).title == "his"

    def test_twice_in_one_bulk(self, client: APIClient) -> None:
        first, second = bulk(client, {"external_id": "a"}, {"external_id": "a", "title": "the second"})
        assert (first["status"], second) == (201, {"status": 200, "id": first["id"]})
        assert Task.objects.get().title == "the second"

    def test_checks_the_times_as_the_first_time(self, client: APIClient) -> None:
        bulk(client, {"external_id": "a"})
        answer = bulk(client, {"external_id": "a", "created_at": "2027-01-01T00:00:00Z"}, status=400)
        assert answer["errors"][0]["attr"] == "operations.0.data.created_at"

    def test_an_update_cannot_take_anothers(self, client: APIClient, alice: User) -> None:
        bulk(client, {"external_id": "a"})
        other = create_task(alice, title="other")
        operation = {"op": "update", "id": other.pk, "data": {"external_id": "a"}}
        response = client.post("/api/tasks/bulk", {"operations": [operation]})
        assert errors(response) == (409, {("operations.0.data.external_id", "external_id_taken")})

    def test_a_past_reminder_never_rings(self, client: APIClient, frozen: time_machine.Traveller) -> None:
        past = {"created_at": LAST_YEAR, "due_at": LAST_JUNE, "reminder_at": LAST_JUNE}
        bulk(client, {"external_id": "a"})
        frozen.shift(timedelta(minutes=1))
        bulk(client, {"external_id": "a"} | past)
        bulk(client, {"external_id": "b"}, {"external_id": "b"} | past)
        assert scan_reminders() == 0
        bulk(client, {"external_id": "a"} | past | {"reminder_at": "2026-05-01T13:00:00Z"})
        frozen.shift(timedelta(hours=2))
        assert scan_reminders() == 1

    def test_tags_by_name_and_id_of_one_that_is_created(self, client: APIClient, alice: User) -> None:
        tag = Tag.objects.create(user=alice, name="home")
        again = {"title": "old", "external_id": "a", "tags": ["home"], "tag_ids": [tag.pk]}
        answers = operations(
            client, {"op": "create", "data": again | {"tags": ["home"]}}, {"op": "create", "data": again}
        )
        assert [one["status"] for one in answers] == [400, 400]
        del again["tag_ids"]
        answers = operations(
            client,
            {"op": "create", "data": again},
            {"op": "create", "data": again | {"tag_ids": [tag.pk]}},
        )
        assert [one["status"] for one in answers] == [201, 400]

    def test_four_hundred_and_forty_two(
        self, client: APIClient, django_assert_max_num_queries: Callable[[int], Any]
    ) -> None:
        data = [
            {
                "external_id": f"todoist:{n}",
                "title": f"task {n}",
                "completed": n % 3 == 0,
                "due_at": LAST_JUNE,
            }
            | ({"completed_at": LAST_JUNE} if n % 3 == 0 else {"created_at": LAST_YEAR})
            for n in range(442)
        ]
        first = bulk(client, *data)
        with django_assert_max_num_queries(15):
            second = bulk(client, *data)
        assert Task.objects.count() == 442
        assert {one["id"] for one in second} == {one["id"] for one in first}
        assert {one["status"] for one in second} == {200}


class TestAnExternalIdThatChangesInABulk:
    """Each operation is checked against the tasks as the previous ones leave them."""

    @pytest.fixture
    def first(self, alice: User) -> Task:
        return create_task(alice, title="first", external_id="a")

    @pytest.fixture
    def second(self, alice: User) -> Task:
        return create_task(alice, title="second")

    def test_is_of_one_task(self, client: APIClient, first: Task, second: Task) -> None:
        new_ids = [
            {"op": "update", "id": task.pk, "data": {"external_id": "b"}} for task in (first, second, first)
        ]
        answers = operations(client, *new_ids)
        assert [one["status"] for one in answers] == [200, 409, 200]
        assert f"task {first.pk} " in answers[1]["error"]["errors"][0]["detail"]
        assert set(Task.objects.values_list("title", "external_id")) == {("first", "b"), ("second", None)}

    def test_of_a_task_that_is_created(self, client: APIClient, second: Task) -> None:
        answers = operations(
            client,
            {"op": "create", "data": {"title": "new", "external_id": "a"}},
            {"op": "update", "id": second.pk, "data": {"external_id": "a"}},
        )
        assert [one["status"] for one in answers] == [201, 409]
        assert "that this request creates" in answers[1]["error"]["errors"][0]["detail"]

    def test_then_finds_that_task(self, client: APIClient, second: Task) -> None:
        answers = operations(
            client,
            {"op": "update", "id": second.pk, "data": {"external_id": "a"}},
            {"op": "create", "data": {"title": "again", "external_id": "a"}},
        )
        assert answers == [{"status": 200, "id": second.pk}] * 2
        assert Task.objects.get().title == "again"

    def test_is_not_free_before_the_bulk_is_written(self, client: APIClient, first: Task) -> None:
        answers = operations(
            client,
            {"op": "update", "id": first.pk, "data": {"external_id": "b"}},
            {"op": "create", "data": {"title": "new", "external_id": "a"}},
        )
        assert [one["status"] for one in answers] == [200, 409]
        assert Task.objects.values_list("title", "external_id").get() == ("first", "b")
