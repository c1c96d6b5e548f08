"""The admin's lists stay fast however long they are, and find what an operator knows of a task."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts_app.models import User
from http_app import admin_classes
from tasks_app.models import Priority, Tag, Task
from tasks_app.services import create_task
from tests.tasks_app.admin_pages import act, shown, url_of

pytestmark = pytest.mark.django_db

DUE = datetime(2030, 1, 1, 9, tzinfo=UTC)


def queries_of(client: Client, url: str) -> list[str]:
    client.get(url)  # what is asked once per process is known from here on
    with CaptureQueriesContext(connection) as asked:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in asked]


def tasks_of_many(number: int) -> None:
    for n in range(number):
        user = User.objects.create(email=f"person{n}-{number}@example.test")
        head = create_task(user, title="head", recurrence_rule="daily")
        create_task(user, title="child", parent_task=head, generated_from=head, tags=[tag_of(user)])


def tag_of(user: User) -> Tag:
    return Tag.objects.create(user=user, name="garden")


def test_a_list_asks_the_same_for_3_and_for_30(operator: Client) -> None:
    urls = [url_of("changelist", model) for model in (Task, Tag, Priority)]
    tasks_of_many(3)
    few = [len(queries_of(operator, url)) for url in urls]
    tasks_of_many(30)
    assert [len(queries_of(operator, url)) for url in urls] == few


def test_a_task_asks_the_same_with_3_and_with_12_tags(operator: Client, alice: User) -> None:
    tags = [Tag.objects.create(user=alice, name=f"tag {n}") for n in range(15)]
    few = create_task(alice, title="few", tags=tags[:3])
    many = create_task(alice, title="many", tags=tags[3:])
    asked = [len(queries_of(operator, url_of("change", task))) for task in (few, many)]
    assert asked[0] == asked[1]


def test_no_list_counts_all_rows(operator: Client, alice: User) -> None:
    create_task(alice, title="one")
    for query in ("", "?q=one", "?completed__exact=0&_facets=True"):
        counts = [sql for sql in queries_of(operator, url_of("changelist", Task) + query) if "COUNT(" in sql]
        assert counts
        assert all(f"LIMIT {admin_classes.MAX_COUNTED}" in sql for sql in counts)


def test_where_counting_ends_all_cannot_be_chosen(
    operator: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_classes, "MAX_COUNTED", 2)
    tasks = [create_task(alice, title=f"task {n}") for n in range(3)]
    page = act(operator, "complete", tasks[:1], select_across="1")
    assert "2 tasks or more are too many" in page
    assert not Task.objects.filter(completed=True).exists()
    tasks[0].delete()
    tasks[1].delete()
    assert "1 completed." in act(operator, "complete", tasks[2:], select_across="1")


class TestSearch:
    @pytest.fixture
    def search(self, operator: Client) -> Callable[[str], list[str]]:
        return lambda text: sorted(task.title for task in shown(operator, Task, q=text))

    def test_by_what_an_operator_knows(
        self, search: Callable[[str], list[str]], alice: User, bob: User
    ) -> None:
        hers = create_task(alice, title="Water the plants", description="in the kitchen")
        create_task(bob, title="Water the garden")
        assert search("") == search("water") == ["Water the garden", "Water the plants"]
        assert search("kitch") == ["Water the plants"]
        assert search(str(hers.pk)) == ["Water the plants"]
        assert search("alice@example.test") == search("ALICE") == ["Water the plants"]
        assert search("water bob@") == ["Water the garden"]
        assert search("water nothing") == []

    def test_any_text_is_a_search(self, search: Callable[[str], list[str]], alice: User) -> None:
        create_task(alice, title="it's 100% o'clock \\ & | ! :*")
        assert search("it's") == search("100%") == search("o'clock") == ["it's 100% o'clock \\ & | ! :*"]
        for text in ("'", "\\", "& | !", ":*", "(", "9" * 30, "²", '"', "%", "😀"):
            assert isinstance(search(text), list)

    def test_it_uses_the_indexes(self, operator: Client, alice: User) -> None:
        url = url_of("changelist", Task) + "?q=nowhere"
        (sql,) = [sql for sql in queries_of(operator, url) if "LIMIT" in sql and "to_tsquery" in sql]
        with connection.cursor() as cursor:
            # Of so few rows the planner would read all; of millions it reads these bitmaps.
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "tasks_search" in plan
        assert "Seq Scan on tasks" not in plan


def test_filters(operator: Client, alice: User) -> None:
    create_task(alice, title="open")
    create_task(alice, title="done", completed=True)
    create_task(alice, title="archived", archived=True)
    create_task(alice, title="trashed", deleted_at=DUE)
    create_task(alice, title="daily", recurrence_rule="daily", priority_id=4)

    def titles(**query: str) -> list[str]:
        return [task.title for task in shown(operator, Task, **query)]

    assert titles() == ["daily", "trashed", "archived", "done", "open"]
    assert titles(completed__exact="1") == ["done"]
    assert titles(archived__exact="1") == ["archived"]
    assert titles(trash="true") == ["trashed"]
    assert titles(trash="false") == ["daily", "archived", "done", "open"]
    assert titles(is_recurring__exact="1") == ["daily"]
    assert titles(priority__id__exact="4") == ["daily"]
