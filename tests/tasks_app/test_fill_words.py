"""Tasks that an older release writes get their words later, and are found then."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app import tasks as ticks
from tasks_app.models import Task
from tasks_app.services import create_task
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db(transaction=True)


def as_an_older_release(sql: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.fixture
def search(alice: User, client_of: Callable[[User], APIClient]) -> Callable[[str], list[str]]:
    client = client_of(alice)
    return lambda q: [task["title"] for task in client.get("/api/tasks", {"q": q}).json()["results"]]


def test_a_row_without_words_gets_them_without_an_event(
    alice: User, search: Callable[[str], list[str]]
) -> None:
    for title in ("milk", "milk and bread", "milk/rye"):
        create_task(alice, title=title)
    as_an_older_release("UPDATE tasks SET words = NULL")
    assert search("milk") == []
    with recorded() as found:
        assert ticks.fill_words() == 3
    assert found.events == []
    assert sorted(search("milk")) == ["milk", "milk and bread", "milk/rye"]
    assert search("rye") == ["milk/rye"]
    assert ticks.fill_words() == 0


def test_a_text_that_an_older_release_changes(alice: User, search: Callable[[str], list[str]]) -> None:
    task = create_task(alice, title="milk")
    other = create_task(alice, title="rye")
    as_an_older_release("UPDATE tasks SET title = 'bread', version = 2 WHERE id = %s", task.pk)
    assert search("milk") == []
    assert ticks.fill_words() == 1
    assert (search("milk"), search("bread"), search("rye")) == ([], ["bread"], [other.title])


def test_the_command_fills_all(alice: User, search: Callable[[str], list[str]], capsys) -> None:
    for n in range(5):
        create_task(alice, title=f"milk {n}")
    as_an_older_release("UPDATE tasks SET words = NULL")
    call_command("fill_words")
    assert "5 tasks" in capsys.readouterr().out
    assert len(search("milk")) == 5
    call_command("fill_words")
    assert capsys.readouterr().out == ""


def test_a_locked_task_is_left_for_the_next_time(alice: User) -> None:
    locked = create_task(alice, title="milk")
    create_task(alice, title="bread")
    as_an_older_release("UPDATE tasks SET words = NULL")

    def elsewhere() -> int:
        try:
            return ticks.fill_words()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Task.objects.select_for_update().get(pk=locked.pk)
        assert pool.submit(elsewhere).result() == 1
    assert list(Task.objects.filter(words__isnull=True)) == [locked]
    assert ticks.fill_words() == 1
