"""The list of tasks: filters, search, order, pages, and a number of queries that does not grow."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import ModelSerializer
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app import searching
from tasks_app.models import Tag, Task
from tasks_app.pages import rows_of
from tasks_app.services import complete_task, create_task, trash_task
from tasks_app.task_serializer import TaskSerializer

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def frozen():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


@pytest.fixture
def tasks(alice: User, bob: User) -> dict[str, Task]:
    home, garden = (Tag.objects.create(user=alice, name=name) for name in ("home", "garden"))
    hour = timedelta(hours=1)
    made = {
        "plain": create_task(alice, title="plain"),
        "done": complete_task(create_task(alice, title="done")),
        "pinned": create_task(alice, title="pinned", pinned=True, tags=[home]),
        "archived": create_task(alice, title="archived", archived=True),
        "trashed": trash_task(create_task(alice, title="trashed")),
        "late": create_task(alice, title="late", due_at=NOW - hour, tags=[home, garden]),
        "soon": create_task(alice, title="soon", due_at=NOW + hour, reminder_at=NOW + hour),
        "daily": create_task(alice, title="daily", recurrence_rule="daily", priority_id=4),
    }
    made["child"] = create_task(alice, title="child", parent_task=made["daily"])
    create_task(bob, title="his")
    return made


def titles(client: APIClient, query: str = "") -> set[str]:
    response = client.get(f"/api/tasks?{query}")
    assert response.status_code == 200, response.content
    return {task["title"] for task in response.json()["results"]}


SHOWN = {"plain", "done", "pinned", "late", "soon", "daily", "child"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", SHOWN),
        ("completed=true", {"done"}),
        ("completed=false", SHOWN - {"done"}),
        ("archived=true", {"archived"}),
        ("archived=false", SHOWN),
        ("trash=true", {"trashed"}),
        ("pinned=true", {"pinned"}),
        ("recurring=true", {"daily"}),
        ("overdue=true", {"late"}),
        ("overdue=false", SHOWN - {"late"}),
        ("priority=4", {"daily"}),
        ("priority=critical", {"daily"}),
        ("parent=" + "9" * 30, set()),
        ("due_before=2026-05-01T12:00:00Z", {"late"}),
        ("due_before=2026-05-02T11:59:00%2B23:59", {"late"}),
        ("due_after=2026-05-01T13:00:00Z", {"soon"}),
        ("due_after=2026-05-01T13:00:00Z&due_before=2026-05-01T13:00:00Z", set()),
        ("reminder_after=2026-05-01T00:00:00%2B02:00", {"soon"}),
        ("completed_after=2026-05-01T12:00:00Z", {"done"}),
        ("created_before=2026-05-01T12:00:00Z", set()),
        ("updated_after=2026-05-01T12:00:00Z", SHOWN),
        ("q=pla", {"plain"}),
        ("q=PLAIN", {"plain"}),
        ("q=plain soon", set()),
        ("q='", set()),
        ("q=so:*|(", {"soon"}),
    ],
)
def test_filters(client: APIClient, tasks: dict[str, Task], query: str, expected: set[str]) -> None:
    assert titles(client, query) == expected


def test_tags(client: APIClient, tasks: dict[str, Task], alice: User) -> None:
    home, garden = alice.tags.get(name="home").pk, alice.tags.get(name="garden").pk
    assert titles(client, f"tag={home}") == {"pinned", "late"}
    assert titles(client, f"tag={home}&tag={garden}") == {"pinned", "late"}
    assert titles(client, f"tag_all={home}&tag_all={garden}") == {"late"}


def test_parent(client: APIClient, tasks: dict[str, Task]) -> None:
    assert titles(client, f"parent={tasks['daily'].pk}") == {"child"}


def test_search_looks_into_the_description(client: APIClient, alice: User) -> None:
    create_task(alice, title="x", description="the yellow watering can")
    assert titles(client, "q=yel wat") == {"x"}


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("colour=red", "colour"),
        ("completed=maybe", "completed"),
        ("due_before=2026-05-01", "due_before"),
        ("due_before=2026-05-01T12:00:00", "due_before"),
        ("due_before=2026-05-01T12:00:00+02:00", "due_before"),
        ("due_before=0001-01-01T00:00:00%2B23:59", "due_before"),
        ("due_before=9999-12-31T23:59:59-12:00", "due_before"),
        ("tag=999999", "tag"),
        ("tag=x", "tag"),
        ("parent=x", "parent"),
        ("parent=1.5", "parent"),
        ("priority=5", "priority"),
        ("priority=hihg", "priority"),
        ("page_size=201", "page_size"),
        ("page_size=0", "page_size"),
        ("ordering=colour", "ordering"),
        ("cursor=nonsense", "cursor"),
        ("completed=true&completed=false", "completed"),
    ],
)
def test_what_cannot_be_filtered_by_is_named(client: APIClient, alice: User, query: str, attr: str) -> None:
    response = client.get(f"/api/tasks?{query}")
    assert response.status_code == 400
    assert {error["attr"] for error in response.json()["errors"]} == {attr}


def test_another_users_tag_is_unknown(client: APIClient, bob: User) -> None:
    tag = Tag.objects.create(user=bob, name="his")
    for name in ("tag", "tag_all"):
        (error,) = client.get(f"/api/tasks?{name}={tag.pk}").json()["errors"]
        assert error["detail"] == f"You have no tag with the id {tag.pk}: see /api/tags."
        (error,) = client.get(f"/api/tasks?{name}=x").json()["errors"]
        assert error["detail"] == "Give the id of a tag, a number: see /api/tags."


def test_pages_cover_everything_once_while_rows_come(client: APIClient, alice: User) -> None:
    wanted = {create_task(alice, title=f"task {n}", due_at=NOW if n % 3 else None).pk for n in range(10)}
    seen: list[int] = []
    next_url: str | None = "/api/tasks?page_size=3&ordering=due_at"
    while next_url:
        page = client.get(next_url).json()
        seen += [task["id"] for task in page["results"]]
        create_task(alice, title="comes in between", due_at=NOW - timedelta(days=1))
        next_url = page["next"]
    assert len(seen) == len(set(seen)) == 10
    assert set(seen) == wanted


def test_queries_do_not_grow_with_the_rows(client: APIClient, alice: User) -> None:
    tags = [Tag.objects.create(user=alice, name=f"tag {n}") for n in range(3)]

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get("/api/tasks?page_size=100").status_code == 200
        return len(queries)

    create_task(alice, title="first", tags=tags)
    few = count()
    for n in range(30):
        create_task(alice, title=f"task {n}", tags=tags)
    assert count() == few == 2


class TestSearch:
    def test_the_best_come_first(self, client: APIClient, alice: User) -> None:
        create_task(alice, title="x", description="buy milk for the yellow cat")
        create_task(alice, title="milk")
        create_task(alice, title="milk, and milk again", description="milk")
        assert in_order(client, "q=milk") == ["milk, and milk again", "milk", "x"]
        assert in_order(client, "q=milk&ordering=rank") == ["x", "milk", "milk, and milk again"]
        assert in_order(client, "q=milk&ordering=title") == ["milk", "milk, and milk again", "x"]

    def test_only_the_newest_are_ranked(
        self, client: APIClient, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("SAMPLE", "ENOUGH", "RANKED"):
            monkeypatch.setattr(searching, name, 3)
        best = create_task(alice, title="milk milk milk", created_at=NOW - timedelta(days=1))
        for n in range(4):
            create_task(alice, title=f"milk {n}", created_at=NOW + timedelta(minutes=n))
        assert set(in_order(client, "q=milk")[:3]) == {"milk 1", "milk 2", "milk 3"}
        assert in_order(client, "q=milk")[3:] == ["milk 0", best.title.strip()]
        assert best.title in in_order(client, "q=milk&ordering=created_at")

    def test_pages_cover_everything_once_while_rows_come(self, client: APIClient, alice: User) -> None:
        wanted = {create_task(alice, title="milk " * (1 + n % 3), description=str(n)).pk for n in range(10)}
        seen: list[int] = []
        next_url: str | None = "/api/tasks?page_size=3&q=milk"
        while next_url:
            page = client.get(next_url).json()
            seen += [task["id"] for task in page["results"]]
            create_task(alice, title="milk " * 9)
            next_url = page["next"]
        assert len(seen) == len(set(seen)) == 10
        assert set(seen) == wanted

    def test_and_back(self, client: APIClient, alice: User) -> None:
        for n in range(4):
            create_task(alice, title="milk " * (1 + n))
        first = client.get("/api/tasks?page_size=2&q=milk").json()
        second = client.get(first["next"]).json()
        assert client.get(second["previous"]).json()["results"] == first["results"]

    def test_no_words_find_nothing(self, client: APIClient, alice: User) -> None:
        create_task(alice, title="milk")
        assert in_order(client, "q='") == in_order(client, "q='&ordering=title") == []

    def test_with_filters(self, client: APIClient, tasks: dict[str, Task]) -> None:
        assert in_order(client, "q=late&overdue=true") == ["late"]
        assert in_order(client, "q=trashed") == []
        assert in_order(client, "q=trashed&trash=true") == ["trashed"]

    def test_rank_needs_a_search(self, client: APIClient, alice: User) -> None:
        assert client.get("/api/tasks?ordering=-rank").status_code == 400

    @pytest.mark.parametrize("ordering", ["", "&ordering=-rank", "&ordering=title", "&ordering=-created_at"])
    @pytest.mark.parametrize("word", ["p", "pl", "plants", "milk", "nowhere", "plants water"])
    def test_finds_the_same_whichever_way_it_takes(
        self,
        client: APIClient,
        tasks: dict[str, Task],
        monkeypatch: pytest.MonkeyPatch,
        word: str,
        ordering: str,
    ) -> None:
        of_a_small_account = in_order(client, f"q={word}{ordering}")
        for sample, common in ((2, 0), (2, 3)):  # read on from the newest; asked of the index
            monkeypatch.setattr(searching, "SAMPLE", sample)
            monkeypatch.setattr(searching, "COMMON", common)
            assert in_order(client, f"q={word}{ordering}") == of_a_small_account

    @pytest.mark.parametrize(
        ("sample", "common", "enough"),
        [(3, 0, 1), (1, 0, 2), (1, 2, 2)],
        ids=["sample", "reading on", "index"],
    )
    def test_the_newest_are_ranked_and_the_older_follow(
        self,
        client: APIClient,
        alice: User,
        monkeypatch: pytest.MonkeyPatch,
        sample: int,
        common: int,
        enough: int,
    ) -> None:
        for n in range(7):
            title = "milk " * (1 + n % 2)
            create_task(alice, title=f"{title}{n}", created_at=NOW + timedelta(minutes=n))
        for name, value in (("SAMPLE", sample), ("COMMON", common), ("ENOUGH", enough), ("RANKED", 2)):
            monkeypatch.setattr(searching, name, value)
        everything = ["milk milk 5", "milk 6", "milk 4", "milk milk 3", "milk 2", "milk milk 1", "milk 0"]
        assert in_order(client, "q=milk") == everything
        seen: list[str] = []
        url: str | None = "/api/tasks?page_size=3&q=milk"
        while url:
            page = client.get(url).json()
            seen += [task["title"] for task in page["results"]]
            url, back = page["next"], page["previous"]
        assert seen == everything
        back = client.get(back).json()
        assert [task["title"] for task in back["results"]] == everything[3:6]

    def test_costs_one_query_more_than_a_list(
        self, client: APIClient, tasks: dict[str, Task], django_assert_num_queries
    ) -> None:
        with django_assert_num_queries(2):
            client.get("/api/tasks")
        with django_assert_num_queries(3):
            client.get("/api/tasks?q=p")


def in_order(client: APIClient, query: str) -> list[str]:
    response = client.get(f"/api/tasks?{query}")
    assert response.status_code == 200, response.content
    return [task["title"] for task in response.json()["results"]]


def test_a_task_is_answered_as_drf_would(tasks: dict[str, Task], alice: User) -> None:
    create_task(
        alice,
        title="all \u2603",
        description="",
        due_at=NOW + timedelta(microseconds=7),
        reminder_offsets=[5, 10],
        recurrence_rule="weekly",
        recurrence_end=NOW + timedelta(days=400),
        snoozed_until=NOW + timedelta(days=1),
    )
    for task in Task.objects.all():
        ours = TaskSerializer().to_representation(task)
        assert JSONRenderer().render(ours) == JSONRenderer().render(
            ModelSerializer.to_representation(TaskSerializer(), task)
        )
        (row,) = rows_of([task.pk])
        assert JSONRenderer().render(TaskSerializer().to_representation(row)) == JSONRenderer().render(ours)


def test_a_task_that_is_erased_while_its_page_is_read(tasks: dict[str, Task]) -> None:
    ids = [tasks["late"].pk, tasks["plain"].pk, tasks["daily"].pk]
    tasks["plain"].delete()
    assert [row.title for row in rows_of(ids)] == ["late", "daily"]


@pytest.mark.parametrize("nothing", ["%20", "+", "%20%20", "'", "%5C"])
def test_a_search_for_no_word_finds_nothing(client: APIClient, alice: User, nothing: str) -> None:
    Task.objects.create(user=alice, title="hers")
    assert client.get(f"/api/tasks?q={nothing}").json() == {"results": [], "next": None, "previous": None}
