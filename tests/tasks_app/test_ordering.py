"""Lists by several keys, in pages that lose and repeat nothing; and what has no date, reminder or tag."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cmp_to_key
from itertools import product

import pytest
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Tag, Task
from tasks_app.services import create_task

pytestmark = pytest.mark.django_db
DUE = datetime(2030, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


@pytest.fixture
def tasks(alice: User, bob: User) -> list[Task]:
    create_task(bob, title="his", due_at=DUE)
    values = product((1, 4, 2), (DUE, None, DUE + timedelta(days=1)), ("b", "a"))
    return [create_task(alice, title=t, due_at=due, priority_id=p) for p, due, t in values]


def expected(tasks: list[Task], ordering: str) -> list[int]:
    columns = {"priority": "priority_id", "due_at": "due_at", "title": "title"}
    keys = [(columns[key.removeprefix("-")], key[0] == "-") for key in ordering.split(",")]

    def compare(one: Task, other: Task) -> int:
        for name, descending in (*keys, ("pk", keys[-1][1])):
            a, b = getattr(one, name), getattr(other, name)
            if a != b:
                if a is None or b is None:
                    return 1 if a is None else -1
                return -1 if (a < b) != descending else 1
        return 0

    return [task.pk for task in sorted(tasks, key=cmp_to_key(compare))]


ORDERINGS = [
    "priority",
    "-priority",
    "-priority,due_at",
    "priority,-due_at",
    "due_at,title",
    "-due_at,-title",
    "title,-due_at,priority",
]


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_pages_there_and_back(client: APIClient, tasks: list[Task], ordering: str) -> None:
    wanted = expected(tasks, ordering)
    pages, url = [], f"/api/tasks?page_size=4&ordering={ordering}"
    while url:
        page = client.get(url).json()
        pages.append([task["id"] for task in page["results"]])
        url, previous = page["next"], page["previous"]
    assert [pk for page in pages for pk in page] == wanted
    for earlier in reversed(pages[:-1]):
        page = client.get(previous).json()
        assert [task["id"] for task in page["results"]] == earlier
        previous = page["previous"]
    assert previous is None


@pytest.mark.parametrize(
    "ordering", ["-priority,nothing", "title,", ",title", "title,-title", "rank", "a,rank"]
)
def test_what_is_no_order(client: APIClient, ordering: str) -> None:
    response = client.get("/api/tasks", {"ordering": ordering})
    assert [error["attr"] for error in response.json()["errors"]] == ["ordering"]
    assert response.status_code == 400


def test_a_rank_is_the_only_key(client: APIClient, tasks: list[Task]) -> None:
    assert client.get("/api/tasks?q=a&ordering=-rank,title").status_code == 400
    assert len(client.get("/api/tasks?q=a&ordering=title,-due_at").json()["results"]) == 9


def test_a_cursor_of_several_keys_that_was_changed(client: APIClient, tasks: list[Task]) -> None:
    one = (
        client.get("/api/tasks?page_size=4&ordering=title")
        .json()["next"]
        .partition("cursor=")[2]
        .split("&")[0]
    )
    response = client.get(f"/api/tasks?ordering=title,due_at&cursor={one}")
    assert [error["attr"] for error in response.json()["errors"]] == ["cursor"]


def test_what_has_none(client: APIClient, alice: User) -> None:
    tag = Tag.objects.create(user=alice, name="home")
    create_task(alice, title="plain")
    create_task(alice, title="due", due_at=DUE)
    create_task(alice, title="reminded", reminder_at=DUE)
    create_task(alice, title="offset", due_at=DUE, reminder_offsets=[5])
    create_task(alice, title="tagged", tags=[tag])

    def titles(query: str) -> set[str]:
        return {task["title"] for task in client.get(f"/api/tasks?{query}").json()["results"]}

    assert titles("due=none") == {"plain", "reminded", "tagged"}
    assert titles("reminder=none") == {"plain", "due", "tagged"}
    assert titles("untagged=true") == {"plain", "due", "reminded", "offset"}
    assert titles("untagged=false") == {"tagged"}
    assert titles("due=none&reminder=none&untagged=true") == {"plain"}
    assert client.get("/api/tasks?due=some").status_code == 400
