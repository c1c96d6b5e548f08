"""Many changes in one request: all or nothing, or each by itself; and what they cost."""

from collections.abc import Callable
from datetime import UTC, datetime
from json import dumps
from typing import Any

import pytest
import time_machine
from django.conf import settings
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Tag, Task
from tasks_app.services import create_task, trash_task
from tests.tasks_app.many import create_many
from tests.tasks_app.recorded import Recorded, recorded

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
URL = "/api/tasks/bulk"


@pytest.fixture(autouse=True)
def frozen():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


@pytest.fixture
def task(alice: User) -> Task:
    return create_task(alice, title="water the plants", description="all", color="green")


def create(**data: Any) -> dict[str, Any]:
    return {"op": "create", "data": {"title": "new"} | data}


def bulk(client: APIClient, *operations: Any, **options: Any) -> list[dict[str, Any]]:
    response = client.post(URL, {"operations": operations} | options)
    assert response.status_code == 200, response.content
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def refused(client: APIClient, *operations: Any, **options: Any) -> tuple[int, set[tuple[str, str]]]:
    response = client.post(URL, {"operations": operations} | options)
    return response.status_code, {(error["attr"], error["code"]) for error in response.json()["errors"]}


class TestEveryOperation:
    def test_all_four(self, client: APIClient, alice: User, task: Task) -> None:
        other, gone = (create_task(alice, title=title) for title in ("other", "gone"))
        results = bulk(
            client,
            create(tags=["home"]),
            {"op": "update", "id": task.pk, "data": {"title": "renamed", "priority": "high"}},
            {"op": "complete", "id": other.pk},
            {"op": "delete", "id": gone.pk},
        )
        made = Task.objects.get(title="new")
        assert results == [
            {"status": 201, "id": made.pk},
            {"status": 200, "id": task.pk},
            {"status": 200, "id": other.pk},
            {"status": 204, "id": gone.pk},
        ]
        assert [tag.name for tag in made.tags.all()] == ["home"]
        renamed = Task.objects.get(pk=task.pk)
        assert (renamed.title, renamed.priority.name, renamed.description) == ("renamed", "High", "all")
        assert Task.objects.get(pk=other.pk).completed_at == NOW
        assert Task.objects.get(pk=gone.pk).deleted_at == NOW

    def test_a_thousand_get_their_own_ids(self, client: APIClient, alice: User) -> None:
        results = bulk(client, *(create(title=f"task {n}") for n in range(1000)))
        titles = dict(Task.objects.values_list("pk", "title"))
        assert [titles[result["id"]] for result in results] == [f"task {n}" for n in range(1000)]

    def test_permanent_delete_reaches_into_the_trash(self, client: APIClient, task: Task) -> None:
        trash_task(task)
        assert bulk(client, {"op": "delete", "id": task.pk, "data": {"permanent": True}}) == [
            {"status": 204, "id": task.pk}
        ]
        assert not Task.objects.exists()

    def test_deleting_and_completing_again_changes_nothing(self, client: APIClient, alice: User) -> None:
        done, gone = (create_task(alice, title=title) for title in ("done", "gone"))
        both = [{"op": "complete", "id": done.pk}, {"op": "delete", "id": gone.pk}]
        bulk(client, *both)
        with recorded() as found:
            assert [result["status"] for result in bulk(client, *both)] == [200, 204]
        assert found.events == []

    def test_tags_by_id_and_by_name(self, client: APIClient, alice: User, task: Task) -> None:
        home = Tag.objects.create(user=alice, name="home")
        bulk(
            client,
            create(tag_ids=[home.pk]),
            create(tags=["garden", "home"]),
            {"op": "update", "id": task.pk, "data": {"tags": ["garden"]}},
        )
        tags = [
            sorted(tag.name for tag in task.tags.all())
            for task in Task.objects.order_by("pk").prefetch_related("tags")
        ]
        assert tags == [["garden"], ["home"], ["garden", "home"]]
        assert Tag.objects.count() == 2


@pytest.mark.django_db(transaction=True)  # one request is one transaction, as its events count
class TestTheSameTaskTwice:
    def test_changes_once(self, client: APIClient, task: Task) -> None:
        with recorded() as found:
            results = bulk(
                client,
                {"op": "update", "id": task.pk, "data": {"title": "one", "tags": ["home"]}},
                {"op": "update", "id": task.pk, "data": {"color": "red", "tags": ["garden"]}},
                {"op": "complete", "id": task.pk},
            )
        assert [result["status"] for result in results] == [200] * 3
        row = Task.objects.get(pk=task.pk)
        assert (row.title, row.color, row.completed, row.version) == ("one", "red", True, 2)
        assert [tag.name for tag in row.tags.all()] == ["garden"]
        assert found.types == [("task.completed", task.pk)]
        assert found.synced == [(task.pk, ["color", "completed", "completed_at", "tag_ids", "title"])]

    def test_each_sees_what_the_one_before_did(self, client: APIClient, task: Task) -> None:
        due = "2030-01-01T00:00:00Z"
        assert bulk(
            client,
            {"op": "update", "id": task.pk, "data": {"due_at": due}},
            {"op": "update", "id": task.pk, "data": {"reminder_offsets": [5]}},
        )
        assert refused(
            client, {"op": "delete", "id": task.pk}, {"op": "update", "id": task.pk, "data": {}}
        ) == (409, {("operations.1.id", "in_trash")})
        erase = {"op": "delete", "id": task.pk, "data": {"permanent": True}}
        assert refused(client, erase, {"op": "complete", "id": task.pk}) == (
            404,
            {("operations.1.id", "not_found")},
        )

    def test_changed_and_erased(self, client: APIClient, task: Task) -> None:
        with recorded() as found:
            bulk(
                client,
                {"op": "update", "id": task.pk, "data": {"title": "last words"}},
                {"op": "delete", "id": task.pk, "data": {"permanent": True}},
            )
        assert found.types == [("task.deleted", task.pk)]
        assert not Task.objects.exists()


BAD: list[tuple[Any, str, str]] = [
    ({"op": "create", "data": {}}, "data.title", "required"),
    ({"op": "create", "data": {"title": ""}}, "data.title", "blank"),
    ({"op": "create", "data": {"title": "x", "colour": 1}}, "data.colour", "unknown_field"),
    ({"op": "create", "data": {"title": "x", "tag_ids": [99]}}, "data.tag_ids", "unknown"),
    ({"op": "create", "data": {"title": "x", "tag_ids": [[1], {}]}}, "data.tag_ids.0", "invalid"),
    ({"op": "create", "data": {"title": "x", "priority": "hihg"}}, "data.priority", "unknown"),
    ({"op": "create", "data": {"title": "x", "priority_id": 99}}, "data.priority_id", "unknown"),
    ({"op": "create", "data": {"title": "x", "recurrence_rule": "dayly"}}, "data.recurrence_rule", ""),
    ({"op": "create", "data": {"title": "x", "tags": ["new"], "due_at": "soon"}}, "data.due_at", "invalid"),
    ({"op": "create"}, "data", "required"),
    ({"op": "create", "id": 1, "data": {"title": "x"}}, "id", "read_only"),
    ({"op": "update", "id": 1}, "data", "required"),
    ({"op": "update", "data": {"title": "x"}}, "id", "required"),
    ({"op": "complete", "id": 10**30}, "id", "max_value"),
    ({"op": "erase", "id": 1}, "op", "invalid_choice"),
    ({"id": 1}, "op", "required"),
    ({"op": "create", "data": [1]}, "data", "invalid"),
    ({"op": "create", "data": {"title": "x"}, "force": True}, "force", "unknown_field"),
    ("create", "non_field_errors", "invalid"),
    (None, "", "null"),
]


class TestWhatIsWrong:
    @pytest.mark.parametrize(("operation", "attr", "code"), BAD)
    def test_stops_all(self, client: APIClient, operation: Any, attr: str, code: str) -> None:
        with recorded() as found:
            status, errors = refused(client, create(), operation, create())
        assert status == 400
        assert {(name, code and kind) for name, kind in errors} >= {
            (f"operations.1.{attr}".rstrip("."), code)
        }
        assert not Task.objects.exists()
        assert not Tag.objects.exists()
        assert found.events == []

    @pytest.mark.parametrize(("operation", "attr", "code"), BAD)
    def test_or_only_itself(self, client: APIClient, operation: Any, attr: str, code: str) -> None:
        good, bad, other = bulk(client, create(), operation, create(), atomic=False)
        assert (good["status"], bad["status"], other["status"]) == (201, 400, 201)
        assert bad["error"]["type"] == "validation_error"
        told = {(error["attr"], code and error["code"]) for error in bad["error"]["errors"]}
        assert (f"operations.1.{attr}".rstrip("."), code) in told
        assert set(Task.objects.values_list("pk", flat=True)) == {good["id"], other["id"]}
        assert not Tag.objects.exists()

    def test_every_failing_operation_is_named(self, client: APIClient, bob: User, task: Task) -> None:
        his = create_task(bob, title="his")
        delete, update = {"op": "delete", "id": his.pk}, {"op": "update", "id": task.pk}
        assert refused(client, delete, create(title=""), update | {"data": {"color": None}}) == (
            400,
            {
                ("operations.0.id", "not_found"),
                ("operations.1.data.title", "blank"),
                ("operations.2.data.color", "null"),
            },
        )
        assert Task.objects.filter(deleted_at=None, color="green").count() == 1

    @pytest.mark.parametrize("op", ["update", "complete", "delete"])
    def test_anothers_task_is_not_there(self, client: APIClient, bob: User, op: str) -> None:
        his = create_task(bob, title="his")
        operation = {"op": op, "id": his.pk} | ({"data": {"title": "mine"}} if op == "update" else {})
        assert refused(client, create(), operation) == (404, {("operations.1.id", "not_found")})
        _, result = bulk(client, create(), operation, atomic=False)
        assert result["status"] == 404
        assert result["error"]["type"] == "client_error"
        his.refresh_from_db()
        assert (his.title, his.completed, his.deleted_at) == ("his", False, None)

    @pytest.mark.parametrize("op", ["update", "complete"])
    def test_what_is_in_the_trash_is_not_worked_on(self, client: APIClient, task: Task, op: str) -> None:
        trash_task(task)
        operation = {"op": op, "id": task.pk} | ({"data": {"title": "x"}} if op == "update" else {})
        assert refused(client, operation) == (409, {("operations.0.id", "in_trash")})
        (result,) = bulk(client, operation, atomic=False)
        assert (result["status"], result["error"]["errors"][0]["code"]) == (409, "in_trash")

    @pytest.mark.parametrize(
        ("body", "attr"),
        [
            ({}, "operations"),
            ({"operations": []}, "operations"),
            ({"operations": {}}, "operations"),
            ({"operations": None}, "operations"),
            ({"operations": [{"op": "complete", "id": 1}] * 1001}, "operations"),
            ({"operations": [create()], "atomic": "perhaps"}, "atomic"),
            ({"operations": [create()], "dry_run": True}, "dry_run"),
        ],
    )
    def test_a_body_of_another_shape(self, client: APIClient, body: Any, attr: str) -> None:
        response = client.post(URL, body)
        assert response.status_code == 400
        assert {error["attr"].split(".")[0] for error in response.json()["errors"]} == {attr}
        assert not Task.objects.exists()

    def test_a_failing_update_leaves_nothing_on_the_task(self, client: APIClient, task: Task) -> None:
        """The next operation on the same task must not carry what the refused one wanted."""
        first, second = bulk(
            client,
            {"op": "update", "id": task.pk, "data": {"title": "wanted", "color": None}},
            {"op": "update", "id": task.pk, "data": {"pinned": True}},
            atomic=False,
        )
        assert (first["status"], second["status"]) == (400, 200)
        task.refresh_from_db()
        assert (task.title, task.color, task.pinned) == ("water the plants", "green", True)


@pytest.mark.django_db(transaction=True)  # one request is one transaction, as its events count
class TestEvents:
    def test_are_those_of_single_calls(self, client_of: Any, alice: User, bob: User) -> None:
        """alice sends one bulk, bob the same changes one by one: the same events, but for ids and names."""
        data = {"due_at": "2030-01-01T00:00:00Z", "recurrence_rule": "daily", "tags": ["home"]}
        found = []
        for user, at_once in ((alice, True), (bob, False)):
            user.timezone = "Europe/Berlin"
            user.save()
            first, other, third, gone = (create_task(user, title=f"task {n}", **EXTRA) for n in range(4))
            operations = [
                {"op": "create", "data": {"title": "new"} | data},
                {"op": "create", "data": {"title": "plain"}},
                {"op": "update", "id": first.pk, "data": data},
                {"op": "complete", "id": other.pk},
                {"op": "delete", "id": third.pk},
                {"op": "delete", "id": gone.pk, "data": {"permanent": True}},
            ]
            with recorded() as told:
                if at_once:
                    bulk(client_of(user), *operations)
                else:
                    one_by_one(client_of(user), operations)
            found.append(told)
        assert sorted(kind for kind, _ in found[0].types) == sorted(
            ["task.created"] * 2 + ["task.updated", "task.completed"] + ["task.deleted"] * 2
        )
        assert comparable(found[0]) == comparable(found[1])


EXTRA = {"color": "green", "timezone": "Europe/Berlin"}
# What differs between two users by its nature.
THEIRS = ("id", "task_id", "user_id", "series_id", "tag_ids")


def one_by_one(client: APIClient, operations: list[dict[str, Any]]) -> None:
    for operation in operations:
        url = f"/api/tasks/{operation.get('id')}"
        match operation:
            case {"op": "create", "data": data}:
                response = client.post("/api/tasks", data)
            case {"op": "update", "data": data}:
                response = client.patch(url, data)
            case {"op": "complete"}:
                response = client.post(f"{url}/complete")
            case {"op": "delete", "data": _}:
                response = client.delete(f"{url}?permanent=true")
            case _:
                response = client.delete(url)
        assert response.status_code < 300, response.content


def comparable(found: Recorded) -> list[str]:
    events = [
        {"topic": e.topic, "type": e.type, "sequence": e.sequence, "time": str(e.time), "data": e.data}
        for e in found.events
    ]
    return sorted(dumps(_without_theirs(event), sort_keys=True) for event in events)


def _without_theirs(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _hidden(name, inner) for name, inner in value.items()}
    return value


def _hidden(name: str, value: Any) -> Any:
    if name == "tag_ids":
        return len(value)
    return None if name in THEIRS and value else _without_theirs(value)


class TestCost:
    def test_creates(self, client: APIClient, alice: User, django_assert_max_num_queries: Any) -> None:
        tag = Tag.objects.create(user=alice, name="home")
        kinds = [{"tag_ids": [tag.pk]}, {"tags": ["garden"]}, {"priority": "high"}, {"priority_id": 3}]
        operations = [create(**kinds[n % 4]) for n in range(1000)]
        with django_assert_max_num_queries(14):
            bulk(client, *operations)
        assert Task.objects.count() == 1000

    @pytest.mark.django_db(transaction=True)
    def test_changes(self, client: APIClient, alice: User, django_assert_max_num_queries: Any) -> None:
        tasks = create_many(Task(user=alice, title=f"task {n}") for n in range(300))
        operations = [
            {"op": "update", "id": tasks[n].pk, "data": {"title": f"new {n}", "tags": [f"tag {n % 7}"]}}
            for n in range(100)
        ]
        operations += [{"op": "complete", "id": task.pk} for task in tasks[100:200]]
        operations += [{"op": "delete", "id": task.pk} for task in tasks[200:]]
        with django_assert_max_num_queries(15), recorded() as found:
            bulk(client, *operations)
        assert len(found.types) == 300

    def test_the_longest_descriptions_fit_into_the_body(self, client: APIClient, alice: User) -> None:
        operations = [create(title="t" * 200, description="d" * 1000) for _ in range(1000)]
        size = len(dumps({"operations": operations}))
        assert 1_000_000 < size < settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        assert len(bulk(client, *operations)) == 1000


@pytest.mark.django_db(transaction=True)
def test_an_idempotency_key_keeps_the_thousand_results(client: APIClient) -> None:
    body = {"operations": [create(title=f"task {n}") for n in range(1000)]}
    first, again = (client.post(URL, body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.status_code == 200
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Task.objects.count() == 1000
