"""Rows that an older release writes are brought up to date later, as they would have been written now."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from rest_framework.test import APIClient

from accounts_app.models import User
from recurring_app.models import RecurringTask
from tasks_app import tasks as ticks
from tasks_app.lookup import tags_named
from tasks_app.models import Tag, Task
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
        assert ticks.upgrade_rows() == 3
    assert found.events == []
    assert sorted(search("milk")) == ["milk", "milk and bread", "milk/rye"]
    assert search("rye") == ["milk/rye"]
    assert ticks.upgrade_rows() == 0


def test_a_text_that_an_older_release_changes(alice: User, search: Callable[[str], list[str]]) -> None:
    task = create_task(alice, title="milk")
    other = create_task(alice, title="rye")
    as_an_older_release("UPDATE tasks SET title = 'bread', version = 2 WHERE id = %s", task.pk)
    assert search("milk") == []
    assert ticks.upgrade_rows() == 1
    assert (search("milk"), search("bread"), search("rye")) == ([], ["bread"], [other.title])


def test_the_command_fills_all(alice: User, search: Callable[[str], list[str]], capsys) -> None:
    for n in range(5):
        create_task(alice, title=f"milk {n}")
    as_an_older_release("UPDATE tasks SET words = NULL")
    call_command("upgrade_rows")
    assert "5 rows" in capsys.readouterr().out
    assert len(search("milk")) == 5
    call_command("upgrade_rows")
    assert capsys.readouterr().out == ""


def test_a_locked_task_is_left_for_the_next_time(alice: User) -> None:
    locked = create_task(alice, title="milk")
    create_task(alice, title="bread")
    as_an_older_release("UPDATE tasks SET words = NULL")

    def elsewhere() -> int:
        try:
            return ticks.upgrade_rows()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Task.objects.select_for_update().get(pk=locked.pk)
        assert pool.submit(elsewhere).result() == 1
    assert list(Task.objects.filter(words__isnull=True)) == [locked]
    assert ticks.upgrade_rows() == 1


class TestTags:
    def tag_of_an_older_release(self, user: User, name: str) -> Tag:
        tag = Tag.objects.create(user=user, name=f"{name} of now")
        as_an_older_release("UPDATE tags SET name = %s, name_key = NULL WHERE id = %s", name, tag.pk)
        return Tag.objects.get(pk=tag.pk)

    def test_forms_of_a_name_become_one_with_events_and_templates(self, alice: User, bob: User) -> None:
        names = ("Home", "home", "HOME", "Café", "Cafe\u0301", "garden")
        first, second, third, cafe, cafe_2, garden = (self.tag_of_an_older_release(alice, n) for n in names)
        his = self.tag_of_an_older_release(bob, "home")
        task = create_task(alice, title="milk", tags=[second, cafe_2])
        both = create_task(alice, title="rye", tags=[first, third, garden])
        template = RecurringTask.objects.create(
            user=alice, template_title="x", recurrence_pattern="daily", starts_at="2026-01-01T09:00"
        )
        template.tags.add(third)
        with recorded() as found:
            assert ticks.upgrade_rows() == len(names) + 1
        assert set(Tag.objects.filter(user=alice)) == {first, cafe, garden}
        assert [tag.name for tag in (first, cafe, garden)] == ["Home", "Café", "garden"]
        assert set(task.tags.all()) == {first, cafe}
        assert set(both.tags.all()) == {first, garden}
        assert set(template.tags.all()) == {first}
        assert list(Tag.objects.filter(user=bob)) == [his]
        assert {event.data["task_id"] for event in found.of_tasks} == {task.pk, both.pk}
        assert ticks.upgrade_rows() == 0

    def test_a_newer_tag_goes_into_the_older_one(self, alice: User) -> None:
        older = self.tag_of_an_older_release(alice, "Home")
        newer = Tag.objects.create(user=alice, name="home")
        task = create_task(alice, title="milk", tags=[newer])
        assert ticks.upgrade_rows() == 1
        assert list(Tag.objects.values_list("name", "name_key")) == [("Home", "home")]
        assert list(task.tags.all()) == [older]

    def test_a_tag_that_an_older_release_renames(self, alice: User) -> None:
        tag = Tag.objects.create(user=alice, name="home")
        as_an_older_release("UPDATE tags SET name = 'garden' WHERE id = %s", tag.pk)
        assert tags_named(alice, ["garden"]) == {"garden": tag.pk}
        assert ticks.upgrade_rows() == 1
        assert tags_named(alice, ["GARDEN"]) == {"GARDEN": tag.pk}
