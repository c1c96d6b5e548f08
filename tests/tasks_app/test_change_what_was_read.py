"""GET, change, PUT: what was read can be sent back, without knowing which fields are read-only."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Tag, Task
from tasks_app.services import complete_task, create_task, snooze_task, trash_task
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], APIClient]
BODY = {
    "title": "water the plants",
    "due_at": "2030-05-01T09:00:00+02:00",
    "recurrence_rule": "daily",
    "reminder_offsets": [30],
    "tags": ["home", "balcony"],
    "priority": "High",
}


@pytest.fixture
def client(alice: User, client_of: ClientOf) -> APIClient:
    return client_of(alice)


@pytest.fixture
def read(client: APIClient) -> dict[str, Any]:
    """A task with every kind of field, as it was read."""
    answer: dict[str, Any] = client.post("/api/tasks", BODY).json()
    return answer


def url(read: dict[str, Any]) -> str:
    return f"/api/tasks/{read['id']}"


def errors_of(answer: Any) -> dict[str, tuple[str, str]]:
    return {error["attr"]: (error["code"], error["detail"]) for error in answer.json()["errors"]}


@pytest.mark.parametrize("method", ["put", "patch"])
def test_what_was_read_changes_nothing(client: APIClient, read: dict[str, Any], method: str) -> None:
    with recorded() as found:
        answer = getattr(client, method)(url(read), read)
    assert (answer.status_code, answer.json()) == (200, read)
    assert found.events == []


@pytest.mark.parametrize("method", ["put", "patch"])
def test_one_field_changed_is_that_change(client: APIClient, read: dict[str, Any], method: str) -> None:
    answer = getattr(client, method)(url(read), read | {"title": "water them all"}).json()
    assert answer == read | {"title": "water them all", "version": 2, "updated_at": answer["updated_at"]}


def test_every_state_can_be_sent_back(client: APIClient, alice: User) -> None:
    for change in (complete_task, lambda task: snooze_task(task, until=task.due_at)):
        task = create_task(alice, title="water", due_at="2030-05-01T09:00:00Z")
        change(Task.objects.locked().get(pk=task.pk))
        read = client.get(f"/api/tasks/{task.pk}").json()
        assert client.put(url(read), read).json() == read


def test_times_with_milliseconds_are_the_same_times(client: APIClient, read: dict[str, Any]) -> None:
    """JavaScript's Date has no more digits."""
    cut = read["created_at"][:23] + "Z"
    assert cut != read["created_at"]
    assert client.put(url(read), read | {"created_at": cut}).status_code == 200
    assert client.put(url(read), read | {"created_at": "2020-01-01T00:00:00Z"}).status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("updated_at", "2020-01-01T00:00:00Z"),
        ("reminder_sent", True),
        ("recurrence_text", "x"),
        ("occurrence_at", None),
    ],
)
def test_what_changes_by_itself_is_ignored(
    client: APIClient, read: dict[str, Any], name: str, value: Any
) -> None:
    answer = client.patch(url(read), {name: value})
    assert (answer.status_code, answer.json()) == (200, read)


@pytest.mark.parametrize(
    ("name", "value", "way"),
    [
        ("completed", True, "/complete"),
        ("completed", "false", "/complete"),
        ("completed", 0, "/complete"),
        ("completed_at", "2030-05-01T07:00:00Z", "/complete"),
        ("deleted_at", "2030-05-01T07:00:00Z", "DELETE"),
        ("snoozed_until", "2030-05-01T07:00:00Z", "/snooze"),
        ("id", 10**9, "read-only"),
        ("created_at", None, "read-only"),
        ("parent_task_id", 1, "read-only"),
        ("recurring_task_id", 1, "read-only"),
    ],
)
@pytest.mark.parametrize("method", ["put", "patch"])
def test_another_read_only_field_that_differs_is_refused_with_the_way(
    client: APIClient, read: dict[str, Any], method: str, name: str, value: Any, way: str
) -> None:
    answer = getattr(client, method)(url(read), (read if method == "put" else {}) | {name: value})
    assert answer.status_code == 400
    ((attr, (code, detail)),) = errors_of(answer).items()
    assert (attr, code) == (name, "read_only")
    assert way in detail


def test_on_create_it_is_refused_by_name(client: APIClient, read: dict[str, Any]) -> None:
    for name in ("id", "version", "updated_at", "reminder_sent", "occurrence_at"):
        answer = client.post("/api/tasks", {"title": "x", name: read[name]})
        assert errors_of(answer)[name][0] == "read_only"


@pytest.mark.parametrize("method", ["put", "patch"])
def test_another_version_is_stale_before_anything_else_is_wrong(
    client: APIClient, read: dict[str, Any], method: str
) -> None:
    client.patch(url(read), {"title": "newer"})
    wrong = read | {"surprise": 1, "title": "", "completed": True}
    answer = getattr(client, method)(url(read), wrong)
    assert (answer.status_code, errors_of(answer)["version"][0]) == (412, "stale")
    assert "version 2" in errors_of(answer)["version"][1]
    assert client.get(url(read)).json()["title"] == "newer"


@pytest.mark.parametrize("version", ["1", None, True])
def test_what_is_no_version_is_a_wrong_value(client: APIClient, read: dict[str, Any], version: Any) -> None:
    answer = client.patch(url(read), {"version": version})
    assert (answer.status_code, errors_of(answer)["version"][0]) == (400, "read_only")


class TestInBulk:
    def test_each_is_its_operations_own_answer(self, client: APIClient, read: dict[str, Any]) -> None:
        operations = [
            {"op": "update", "id": read["id"], "data": read},
            {"op": "update", "id": read["id"], "data": {"version": 9, "title": ""}},
            {"op": "update", "id": read["id"], "data": {"completed": True}},
            {"op": "update", "id": read["id"], "data": {"updated_at": "x", "title": "newer"}},
            {"op": "create", "data": {"title": "x", "version": 1}},
        ]
        answer = client.post("/api/tasks/bulk", {"operations": operations, "atomic": False})
        found = [
            (result["status"], *(error["attr"] for error in result.get("error", {}).get("errors", ())))
            for result in answer.json()["results"]
        ]
        assert found == [
            (200,),
            (412, "operations.1.data.version"),
            (400, "operations.2.data.completed"),
            (200,),
            (400, "operations.4.data.version"),
        ]
        assert client.get(url(read)).json()["title"] == "newer"

    def test_one_that_is_stale_stops_an_atomic_request(self, client: APIClient, read: dict[str, Any]) -> None:
        operations = [{"op": "update", "id": read["id"], "data": {"version": 9, "title": "x"}}]
        answer = client.post("/api/tasks/bulk", {"operations": operations})
        assert (answer.status_code, *errors_of(answer)) == (412, "operations.0.data.version")


class TestOneOfTwoFields:
    def test_the_one_that_differs_counts(self, client: APIClient, read: dict[str, Any]) -> None:
        low = client.put(url(read), read | {"priority": "Low"}).json()
        assert low["priority_id"] == 1
        same_name = client.put(url(read), low | {"priority": "Low", "priority_id": 2}).json()
        assert same_name["priority_id"] == 2
        tagged = client.put(url(read), same_name | {"tags": ["garden"]}).json()
        assert list(Tag.objects.filter(pk__in=tagged["tag_ids"]).values_list("name", flat=True)) == ["garden"]
        untagged = client.put(url(read), tagged | {"tags": ["garden"], "tag_ids": []}).json()
        assert untagged["tag_ids"] == []

    def test_two_that_differ_are_a_conflict(self, client: APIClient, read: dict[str, Any]) -> None:
        for both in ({"priority": "Low", "priority_id": 2}, {"tags": ["garden"], "tag_ids": []}):
            answer = client.put(url(read), read | both)
            assert [code for code, _ in errors_of(answer).values()] == ["conflict"]

    def test_a_new_reminder_takes_the_place_of_the_other_kind(
        self, client: APIClient, read: dict[str, Any]
    ) -> None:
        once = client.put(url(read), read | {"reminder_at": "2030-04-30T07:00:00Z"}).json()
        assert (once["reminder_at"], once["reminder_offsets"]) == ("2030-04-30T07:00:00Z", [])
        before = client.put(url(read), once | {"reminder_offsets": [10]}).json()
        assert (before["reminder_at"], before["reminder_offsets"]) == (None, [10])
        both = before | {"reminder_at": "2030-04-30T07:00:00Z", "reminder_offsets": [20]}
        assert errors_of(client.put(url(read), both))["reminder_offsets"][0] == "conflict"


def test_many_in_bulk_take_as_many_statements_as_two(client: APIClient) -> None:
    def statements(number: int) -> int:
        read = [client.post("/api/tasks", {"title": "x", "tags": ["home"]}).json() for _ in range(number)]
        operations = [{"op": "update", "id": one["id"], "data": one | {"title": "y"}} for one in read]
        with CaptureQueriesContext(connection) as queries:
            assert client.post("/api/tasks/bulk", {"operations": operations}).status_code == 200
        return len(queries)

    assert statements(9) == statements(2)


def test_a_task_in_the_trash_is_refused_as_before(client: APIClient, read: dict[str, Any]) -> None:
    trash_task(Task.objects.locked().get(pk=read["id"]))
    gone = client.get(url(read)).json()
    assert client.put(url(read), gone).status_code == 409


def test_the_account_too(client: APIClient) -> None:
    read = client.get("/api/me").json()
    assert client.patch("/api/me", read | {"timezone": "Europe/Paris"}).json() == read | {
        "timezone": "Europe/Paris"
    }
    assert errors_of(client.patch("/api/me", read | {"email": "x@example.test"}))["email"][0] == "read_only"


@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"recurrence_rule": None}, None),
        ({"is_recurring": False}, None),
        ({"recurrence_rule": "weekly"}, "weekly"),
        ({"due_at": "2030-05-01T15:00:00+02:00"}, "daily"),
    ],
)
def test_another_rule_or_none(
    client: APIClient, read: dict[str, Any], method: str, change: dict[str, Any], rule: str | None
) -> None:
    """is_recurring, recurrence_end and the rule go together; another due time is that of this one alone."""
    read = client.patch(url(read), {"recurrence_end": "2030-06-01"}).json()
    answer = getattr(client, method)(url(read), read | change).json()
    assert (answer["recurrence_rule"], answer["is_recurring"]) == (rule, rule is not None)
    assert answer["recurrence_end"] == (read["recurrence_end"] if rule else None)
    if rule == "daily":
        assert (answer["series_id"], answer["slot_state"]) == (read["series_id"], "moved")


def test_and_a_task_gets_its_first_rule(client: APIClient) -> None:
    read = client.post("/api/tasks", {"title": "once"}).json()
    answer = client.put(f"/api/tasks/{read['id']}", read | {"recurrence_rule": "weekly"})
    assert answer.json()["is_recurring"] is True
