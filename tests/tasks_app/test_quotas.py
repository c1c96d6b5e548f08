"""What one user may create: tasks with the trash included, tags, and new tags of one request."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app import quotas
from tasks_app.models import Tag, Task
from tests.monotonic import Monotonic

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    monotonic = Monotonic()
    monkeypatch.setattr(quotas, "time", monotonic)
    return monotonic


def create(client: APIClient, **fields: Any) -> Any:
    return client.post("/api/tasks", {"title": "a task"} | fields)


def bulk(client: APIClient, *operations: dict[str, Any], atomic: bool = False) -> Any:
    return client.post("/api/tasks/bulk", {"operations": operations, "atomic": atomic})


def new(**fields: Any) -> dict[str, Any]:
    return {"op": "create", "data": {"title": "a task"} | fields}


def errors(answer: Any) -> tuple[int, list[tuple[str, str | None]]]:
    return answer.status_code, [(error["code"], error["attr"]) for error in answer.json()["errors"]]


def statuses(answer: Any) -> list[int]:
    return [result["status"] for result in answer.json()["results"]]


def test_no_task_beyond_the_quota_is_created(client: APIClient, settings: Settings) -> None:
    settings.TASKS_PER_USER = 2
    assert [create(client).status_code for _ in range(2)] == [201, 201]
    refused = create(client)
    assert errors(refused) == (409, [("quota", None)])
    assert "more than 2 tasks" in refused.json()["errors"][0]["detail"]
    assert Task.objects.count() == 2


def test_another_user_has_a_quota_of_their_own(
    client: APIClient, bob: User, client_of: Callable[[User], APIClient], settings: Settings
) -> None:
    settings.TASKS_PER_USER = 1
    assert [create(one).status_code for one in (client, client_of(bob), client)] == [201, 201, 409]


def test_the_trash_counts_until_it_is_deleted_for_good(client: APIClient, settings: Settings) -> None:
    settings.TASKS_PER_USER = 1
    pk = create(client).json()["id"]
    client.delete(f"/api/tasks/{pk}")
    assert create(client).status_code == 409
    client.delete(f"/api/tasks/{pk}?permanent=true")
    assert create(client).status_code == 201


def test_zero_is_without_limit(client: APIClient, settings: Settings) -> None:
    settings.TASKS_PER_USER = settings.TAGS_PER_USER = 0
    assert create(client, tags=["home"]).status_code == 201


def test_an_atomic_bulk_is_refused_whole(client: APIClient, settings: Settings) -> None:
    settings.TASKS_PER_USER = 2
    refused = bulk(client, new(), new(), new(), atomic=True)
    assert errors(refused) == (409, [("quota", "operations.2.data")])
    assert not Task.objects.exists()


def test_in_another_bulk_each_operation_is_refused_by_itself(client: APIClient, settings: Settings) -> None:
    settings.TASKS_PER_USER = 2
    pk = create(client).json()["id"]
    answer = bulk(client, new(), new(), {"op": "update", "id": pk, "data": {"title": "another"}}, new())
    assert statuses(answer) == [201, 409, 200, 409]
    assert Task.objects.count() == 2


def test_imports_count(client: APIClient, settings: Settings) -> None:
    settings.TASKS_PER_USER = 1
    done = {"completed": True, "completed_at": "2020-01-01T00:00:00Z"}
    assert statuses(bulk(client, new(**done, external_id="1"), new(**done, external_id="2"))) == [201, 409]
    assert statuses(bulk(client, new(**done, external_id="1"))) == [200]  # no new task


def test_restored_tasks_and_next_occurrences_are_never_refused(client: APIClient, settings: Settings) -> None:
    weekly = {"due_at": "2035-01-01T09:00:00Z", "recurrence_rule": "weekly"}
    first, second = (create(client, **weekly).json()["id"] for _ in range(2))
    client.delete(f"/api/tasks/{second}")
    settings.TASKS_PER_USER = 1
    assert client.post(f"/api/tasks/{second}/restore").status_code == 200
    assert client.post(f"/api/tasks/{first}/skip").json()["next_id"]


def test_no_tag_beyond_the_quota_is_created(client: APIClient, settings: Settings) -> None:
    settings.TAGS_PER_USER = 2
    assert client.post("/api/tags", {"name": "home"}).status_code == 201
    assert create(client, tags=["HOME", "garden"]).status_code == 201
    assert errors(client.post("/api/tags", {"name": "work"})) == (409, [("quota", None)])
    assert errors(create(client, tags=["home", "work"])) == (409, [("quota", None)])
    template = {"template_title": "x", "recurrence_pattern": "daily", "tags": ["work"]}
    assert errors(client.post("/api/recurring-tasks", template)) == (409, [("quota", None)])
    assert statuses(bulk(client, new(tags=["work"]), new(tags=["garden"]))) == [409, 201]
    assert sorted(Tag.objects.values_list("name", flat=True)) == ["garden", "home"]


def test_an_operation_that_is_refused_leaves_its_tags_to_others(
    client: APIClient, settings: Settings
) -> None:
    settings.TAGS_PER_USER = 2
    answer = bulk(client, new(tags=["1", "2", "3"]), new(tags=["4"]), new(tags=["4", "5"]), new(tags=["6"]))
    assert statuses(answer) == [409, 201, 201, 409]


def test_so_many_new_tags_one_request_creates(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "MAX_NEW_TAGS", 3)
    refused = bulk(client, new(tags=["1", "2"]), new(tags=["3", "4"]), atomic=True)
    assert errors(refused) == (400, [("too_many_tags", "operations.1.data.tags")])
    assert statuses(bulk(client, new(tags=["1", "2"]), new(tags=["3", "4"]), new(tags=["2", "3"]))) == [
        *(201, 400, 201)
    ]
    assert errors(create(client, tags=["4", "5", "6", "7"])) == (400, [("too_many_tags", "tags")])


def test_tasks_are_counted_seldom(client: APIClient, settings: Settings, monotonic: Monotonic) -> None:
    settings.TASKS_PER_USER = 1_000_000
    create(client)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        create(client)
        bulk(client, new(), new())
    assert [query for query in queries if "count(*)" in query["sql"]] == []
    monotonic.now += 601
    with CaptureQueriesContext(connection) as queries:
        create(client)
    assert len([query for query in queries if "count(*)" in query["sql"]]) == 1


def test_near_the_quota_they_are_counted_often(
    client: APIClient, alice: User, settings: Settings, monotonic: Monotonic
) -> None:
    settings.TASKS_PER_USER = 1_000
    create(client)  # another process may create the other 999 in five seconds
    Task.objects.create(user=alice, title="by another process")
    settings.TASKS_PER_USER = 2
    assert create(client).status_code == 201  # a little beyond it
    monotonic.now += 5
    assert create(client).status_code == 409
