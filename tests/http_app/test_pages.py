from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from json import dumps, loads
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Task
from tests.tasks_app.many import create_many

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.http_app.site")]

START = datetime(2026, 5, 1, 9, 0, 0, 123456, tzinfo=UTC)
Page = dict[str, Any]


def get(url: str, **parameters: Any) -> Page:
    answer = APIClient().get(url, parameters)
    assert answer.status_code == 200, answer.content
    page: Page = answer.json()
    return page


def titles(page: Page) -> list[str]:
    return [row["title"] for row in page["results"]]


def walk(page: Page, way: str) -> list[Page]:
    """This page and all that follow (or precede) it, as they come."""
    pages = [page]
    while pages[-1][way]:
        pages.append(get(pages[-1][way]))
    return pages


def all_titles(pages: list[Page]) -> list[str]:
    return [title for page in pages for title in titles(page)]


def error_of(**parameters: Any) -> tuple[str, str]:
    answer = APIClient().get("/api/tasks", parameters)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    return error["attr"], error["detail"]


def cursor_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["cursor"][0]


def forged(**changes: Any) -> str:
    """A cursor with other contents; a change to `...` takes the entry out."""
    cursor = cursor_of(get("/api/tasks", page_size=1, ordering="-created_at")["next"])
    content = loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))) | changes
    content = {name: value for name, value in content.items() if value is not ...}
    return urlsafe_b64encode(dumps(content).encode()).decode().rstrip("=")


@pytest.fixture
def mixed(alice: User, bob: User) -> list[Task]:
    """17 tasks with ties, NULLs and neighbours a microsecond apart, in no order."""
    tasks = [
        Task(
            user=alice if i % 2 else bob,
            title=f"t{i:02}" if i % 5 else "same",
            created_at=START + timedelta(microseconds=i // 3),
            due_at=None if i % 4 == 0 else START + timedelta(days=i % 3),
            priority_id=1 + i % 4,
            description=str(i),
        )
        for i in range(17)
    ]
    Random(7).shuffle(tasks)
    return create_many(tasks)


def in_order(tasks: list[Task], field: str, *, descending: bool) -> list[str]:
    """What the promise says, in plain Python: ties by id, NULLs last either way."""

    def key(task: Task) -> tuple[Any, int]:
        value = (
            task.priority_id
            if field == "priority"
            else getattr(task, "user_id" if field == "owner" else field)
        )
        return value, task.pk

    known = sorted((task for task in tasks if key(task)[0] is not None), key=key, reverse=descending)
    nulls = sorted((task for task in tasks if key(task)[0] is None), key=lambda t: t.pk, reverse=descending)
    return [task.title for task in known + nulls]


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("field", ["created_at", "due_at", "priority", "owner"])
def test_each_ordering_is_whole_forwards_and_backwards(mixed: list[Task], field: str, sign: str) -> None:
    expected = in_order(mixed, field, descending=bool(sign))
    forwards = walk(get("/api/tasks", ordering=sign + field, page_size=5), "next")
    assert all_titles(forwards) == expected
    backwards = walk(forwards[-1], "previous")
    assert all_titles(backwards[::-1]) == expected


@pytest.mark.parametrize("sign", ["", "-"])
def test_text_sorts_as_the_database_sorts_it(mixed: list[Task], sign: str) -> None:
    expected = list(Task.objects.order_by(f"{sign}title", f"{sign}id").values_list("title", flat=True))
    assert all_titles(walk(get("/api/tasks", ordering=f"{sign}title", page_size=6), "next")) == expected


def test_the_default_order_and_size_are_the_views_and_fifty(alice: User) -> None:
    create_many(Task(user=alice, title=str(i), created_at=START + timedelta(seconds=i)) for i in range(51))
    page = get("/api/tasks")
    assert titles(page) == [str(i) for i in range(50, 0, -1)]
    assert page["previous"] is None
    assert titles(get(page["next"])) == ["0"]


def test_a_full_last_page_has_no_next(alice: User) -> None:
    create_many(Task(user=alice, title=str(i)) for i in range(3))
    assert get("/api/tasks", page_size=3)["next"] is None
    assert get("/api/tasks", page_size=200)["next"] is None


def test_an_empty_list_has_neither() -> None:
    assert get("/api/tasks") == {"results": [], "next": None, "previous": None}


def test_links_are_whole_urls_that_keep_the_other_parameters(mixed: list[Task]) -> None:
    page = get("/api/tasks", pinned="false", priority=[1, 2], ordering="due_at", page_size=2)
    parts = urlsplit(page["next"])
    assert (parts.scheme, parts.netloc, parts.path) == ("http", "testserver", "/api/tasks")
    query = parse_qs(parts.query)
    assert query.pop("cursor")
    assert query == {"pinned": ["false"], "priority": ["1", "2"], "ordering": ["due_at"], "page_size": ["2"]}


def test_rows_that_come_and_go_neither_repeat_nor_hide_others(alice: User) -> None:
    tasks = create_many(
        Task(user=alice, title=str(i), created_at=START + timedelta(hours=i)) for i in range(6)
    )
    page = get("/api/tasks", page_size=2)
    assert titles(page) == ["5", "4"]
    tasks[4].delete()  # the very row the cursor stands on
    tasks[5].delete()
    Task.objects.create(user=alice, title="new", created_at=START + timedelta(days=1))
    page = get(page["next"])
    assert titles(page) == ["3", "2"]
    assert titles(get(page["previous"])) == ["new"]


def test_a_page_that_emptied_leads_back(alice: User) -> None:
    tasks = create_many(
        Task(user=alice, title=str(i), created_at=START + timedelta(hours=i)) for i in range(4)
    )
    newest = get("/api/tasks", page_size=2)
    oldest = get(newest["next"])
    for task in tasks[:2]:
        task.delete()
    emptied = get(newest["next"])
    assert titles(emptied) == []
    assert emptied["next"] is None
    assert titles(get(emptied["previous"])) == ["3", "2"]
    for task in tasks[2:]:
        task.delete()
    create_many([Task(user=alice, title="old", created_at=START)])
    emptied = get(oldest["previous"])
    assert titles(emptied) == []
    assert emptied["previous"] is None
    assert titles(get(emptied["next"])) == ["old"]


def test_a_page_costs_one_query_of_one_row_more_however_deep(mixed: list[Task]) -> None:
    page = get("/api/tasks", ordering="priority", page_size=3)
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            page = get(page["next"])
        assert len(queries) == 1
        assert "COUNT(" not in queries[0]["sql"]
        assert "LIMIT 4" in queries[0]["sql"]
        assert "OFFSET" not in queries[0]["sql"]


def test_a_deep_page_starts_in_the_index(alice: User) -> None:
    create_many(Task(user=alice, title=str(i), created_at=START + timedelta(seconds=i)) for i in range(9))
    page = get("/api/tasks", page_size=6)
    with CaptureQueriesContext(connection) as queries:
        get(page["next"])
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute("CREATE INDEX only_here ON tasks (created_at DESC, id DESC)")
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "only_here" in plan
    assert "Index Cond: (created_at <=" in plan


@pytest.mark.parametrize("size", ["0", "201", "-1", "many", "1.5", "٣", "9" * 5000, "1e2"])
def test_a_nonsense_page_size_is_named(size: str) -> None:
    assert error_of(page_size=size) == ("page_size", "The page size must be between 1 and 200.")


def test_an_unknown_ordering_is_named_with_those_there_are() -> None:
    names = "created_at, due_at, title, priority, owner"
    expected = ("ordering", f"Order by {names}; several by comma, with a - in front for descending.")
    for ordering in ["id", "--due_at", "user__password", "-"]:
        assert error_of(ordering=ordering) == expected


def test_a_cursor_of_another_ordering_is_refused(mixed: list[Task]) -> None:
    cursor = cursor_of(get("/api/tasks", ordering="due_at", page_size=2)["next"])
    for ordering in ["-due_at", "title"]:
        attr, detail = error_of(ordering=ordering, cursor=cursor)
        assert attr == "cursor"
        assert "different ordering" in detail


@pytest.mark.parametrize(
    "changes",
    [
        {"key": 5},
        {"key": "yesterday"},
        {"key": "2026-05-01T09:00:00"},
        {"key": ["2026-05-01T09:00:00Z"]},
        {"key": "2026-13-01T09:00:00Z"},
        {"key": ...},
        {"id": None},
        {"id": "one"},
        {"id": {"gt": 1}},
        {"id": 1.5},
        {"side": "beside"},
        {"side": None},
        {"more": True},
        {"ordering": ["-created_at"]},
    ],
)
def test_a_forged_cursor_is_a_400(mixed: list[Task], changes: dict[str, Any]) -> None:
    assert error_of(cursor=forged(**changes))[0] == "cursor"


@pytest.mark.parametrize(
    "cursor", ["x", "é", "bm90IGpzb24", "W10", "bnVsbA", "_w", "Ww" * 30_000, "a b", "%00"]
)
def test_a_broken_cursor_is_a_400(cursor: str) -> None:
    assert error_of(cursor=cursor)[0] == "cursor"


@pytest.mark.parametrize("key", ["a\0b", "\ud800", "'; DROP TABLE tasks; --"])
def test_a_cursor_with_any_text_is_never_a_500(mixed: list[Task], key: str) -> None:
    cursor = forged(ordering="title", key=key)
    assert APIClient().get("/api/tasks", {"ordering": "title", "cursor": cursor}).status_code in (200, 400)


@pytest.mark.parametrize("row_id", [10**30, -(10**30), 0, -1, True])
def test_a_cursor_with_any_number_is_never_a_500(mixed: list[Task], row_id: int) -> None:
    assert APIClient().get("/api/tasks", {"cursor": forged(id=row_id)}).status_code == 200


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("0001-01-01T00:00:00+00:00", 200),
        ("9999-12-31T23:59:59.999999+00:00", 200),
        ("2026-05-01T09:00:00+23:59", 200),
        ("0001-01-01T00:00:00+23:59", 400),
        ("9999-12-31T23:59:59.999999-23:59", 400),
    ],
)
def test_a_cursor_at_the_ends_of_time_is_never_a_500(mixed: list[Task], key: str, status: int) -> None:
    assert APIClient().get("/api/tasks", {"cursor": forged(key=key)}).status_code == status
