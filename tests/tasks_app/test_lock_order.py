"""Two who write at once wait for each other in turn, never crosswise; should they, it is a 409, not a 500."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.relay import relay_batch
from recurring_app.models import RecurringTask
from recurring_app.services import run_template
from tasks_app.lookup import tags_named
from tasks_app.models import Tag, Task, TaskTag
from tasks_app.services import (
    complete_task,
    create_task,
    merge_tag,
    reopen_task,
    restore_task,
    update_task,
)
from tests.aside import PATIENCE_SECONDS, aside

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(name="aside")
def start_aside() -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """`aside(work)`: starts the work on a connection of its own, and returns when it waits for a lock."""
    with aside() as start:
        yield start


@pytest.mark.parametrize("delete", [Tag.delete, lambda tag: Tag.objects.filter(pk=tag.pk).delete()])
def test_a_tag_is_deleted_in_the_order_of_the_tasks(
    alice: User, aside: Any, delete: Callable[[Tag], Any]
) -> None:
    tag = Tag.objects.create(user=alice, name="garden")
    first, second, third = (create_task(alice, title=title) for title in ("water", "weed", "rake"))
    for task in (second, first, third):  # the first task's link is neither the first nor the last
        update_task(task, tags=[tag])
    with transaction.atomic():
        Task.objects.locked().get(pk=first.pk)
        deleting = aside(lambda: delete(tag))
        list(Task.objects.filter(pk__in=[second.pk, third.pk]).locked())
    deleting.result(PATIENCE_SECONDS)
    assert not TaskTag.objects.exists()


def test_templates_are_deleted_in_the_order_of_the_tasks(alice: User, aside: Any) -> None:
    one, other = (
        RecurringTask.objects.create(
            user=alice,
            template_title="water",
            recurrence_pattern="daily",
            starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001 - local
        )
        for _ in range(2)
    )
    first, second = (create_task(alice, title="water", recurring_task=template) for template in (other, one))
    with transaction.atomic():
        Task.objects.locked().get(pk=first.pk)
        deleting = aside(lambda: RecurringTask.objects.all().delete())
        Task.objects.locked().get(pk=second.pk)
    deleting.result(PATIENCE_SECONDS)
    assert not Task.objects.filter(recurring_task__isnull=False).exists()


@pytest.mark.parametrize("end", [Tag.delete, lambda tag: merge_tag(tag, into=Tag.objects.get(name="home"))])
def test_a_tag_goes_while_a_template_makes_a_task_with_it(
    alice: User, aside: Any, end: Callable[[Tag], Any]
) -> None:
    """The commit of the new task waits for the lock of its tag."""
    tag, _ = (Tag.objects.create(user=alice, name=name) for name in ("garden", "home"))
    template = template_with(alice, tag)
    with transaction.atomic():
        task = run_template(RecurringTask.objects.locked().get(pk=template.pk))
        ending = aside(lambda: end(tag))
    ending.result(PATIENCE_SECONDS)
    assert tag.pk not in {one.pk for one in task.tags.all()}
    assert not Tag.objects.filter(name="garden").exists()


def test_tags_are_deleted_together_while_a_template_gets_another_of_them(
    client_of: Any, alice: User, aside: Any
) -> None:
    first, second = (Tag.objects.create(user=alice, name=name) for name in ("garden", "home"))
    template = template_with(alice, first)
    with transaction.atomic():
        answer = client_of(alice).patch(
            f"/api/recurring-tasks/{template.pk}", {"tag_ids": [first.pk, second.pk]}
        )
        deleting = aside(lambda: Tag.objects.filter(user=alice).delete())
    deleting.result(PATIENCE_SECONDS)
    assert answer.status_code == 200
    assert list(template.tags.all()) == []


def test_tags_are_deleted_together_while_a_task_gets_another_of_them(alice: User, aside: Any) -> None:
    first, second = (Tag.objects.create(user=alice, name=name) for name in ("garden", "home"))
    task = create_task(alice, title="water", tags=[first])
    with transaction.atomic():
        update_task(Task.objects.locked().get(pk=task.pk), tags=[first, second])
        deleting = aside(lambda: Tag.objects.filter(user=alice).delete())
    deleting.result(PATIENCE_SECONDS)
    assert list(task.tags.all()) == []


def template_with(user: User, tag: Tag) -> RecurringTask:
    template = RecurringTask.objects.create(
        user=user,
        template_title="water",
        recurrence_pattern="daily",
        starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001 - local
    )
    template.tags.add(tag)
    return template


def test_a_template_is_deleted_while_its_user_moves(client_of: Any, alice: User, aside: Any) -> None:
    """`move_series` locks the tasks first, then the templates."""
    template = RecurringTask.objects.create(
        user=alice,
        template_title="water",
        recurrence_pattern="daily",
        starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001 - local
    )
    task = create_task(alice, title="water", recurring_task=template)
    client = client_of(alice)
    with transaction.atomic():
        Task.objects.locked().get(pk=task.pk)
        deleting = aside(lambda: client.delete(f"/api/recurring-tasks/{template.pk}"))
        RecurringTask.objects.locked().get(pk=template.pk)
    assert deleting.result(PATIENCE_SECONDS).status_code == 204
    assert Task.objects.get().recurring_task_id is None


def test_a_task_that_loses_a_tag_at_the_same_moment_gets_no_other(alice: User, aside: Any) -> None:
    tag, into = (Tag.objects.create(user=alice, name=name) for name in ("garden", "home"))
    task = create_task(alice, title="water", tags=[tag])
    with transaction.atomic():
        update_task(Task.objects.locked().get(pk=task.pk), tags=[])
        merging = aside(lambda: merge_tag(tag, into=into))
    merging.result(PATIENCE_SECONDS)
    assert list(task.tags.all()) == []


def test_a_tag_that_is_merged_is_given_to_no_task(client_of: Any, alice: User, aside: Any) -> None:
    tag, into = (Tag.objects.create(user=alice, name=name) for name in ("garden", "home"))
    task = create_task(alice, title="water")
    client, body = client_of(alice), {"tag_ids": [tag.pk]}
    with transaction.atomic():
        merge_tag(tag, into=into)
        patching = aside(lambda: client.patch(f"/api/tasks/{task.pk}", body))
    assert patching.result(PATIENCE_SECONDS).status_code == 409
    assert list(task.tags.all()) == []


def test_what_is_taken_out_of_the_trash_at_the_same_moment_is_not_erased(alice: User, aside: Any) -> None:
    trashed = Task.objects.filter(deleted_at__isnull=False)
    task, other = (create_task(alice, title=title, deleted_at=now()) for title in ("water", "weed"))
    with transaction.atomic():
        restore_task(Task.objects.locked().get(pk=task.pk))
        erasing = aside(lambda: trashed.delete())
    assert erasing.result(PATIENCE_SECONDS)[0] == 1
    assert list(Task.objects.all()) == [task]
    assert not Task.objects.filter(pk=other.pk).exists()


@pytest.mark.parametrize("in_bulk", [False, True])
def test_a_rule_that_begins_a_series_locks_what_it_leaves_in_order(
    in_bulk: bool, client_of: Any, alice: User, aside: Any
) -> None:
    first, second = two_open_ones(alice)
    data = {"recurrence_rule": "weekly", "due_at": "2030-05-03T12:00:00Z"}
    client = client_of(alice)

    def change() -> Any:
        if in_bulk:
            operation = {"op": "update", "id": second.pk, "data": data}
            return client.post("/api/tasks/bulk", {"operations": [operation]})
        return client.patch(f"/api/tasks/{second.pk}", data)

    with transaction.atomic():
        Task.objects.locked().get(pk=first.pk)
        changing = aside(change)
        Task.objects.locked().get(pk=second.pk)
    assert changing.result(PATIENCE_SECONDS).status_code == 200
    first.refresh_from_db()
    assert first.recurrence_end == first.occurrence_at


def two_open_ones(user: User) -> tuple[Task, Task]:
    """Of one series: the first was reopened after the second had been edited."""
    due_at = datetime(2030, 5, 1, 9, tzinfo=UTC)
    first = create_task(user, title="water", due_at=due_at, recurrence_rule="daily")
    with transaction.atomic():
        complete_task(Task.objects.locked().get(pk=first.pk))
    while relay_batch(InProcessBroker()):
        pass
    second = update_task(Task.objects.get(generated_from=first), title="water all")
    with transaction.atomic():
        reopen_task(Task.objects.locked().get(pk=first.pk))
    return first, second


def test_new_tags_are_made_in_one_order(alice: User, aside: Any) -> None:
    with transaction.atomic():
        tags_named(alice, ["garden"])
        naming = aside(lambda: tags_named(alice, ["home", "garden"]))
        tags_named(alice, ["home"])
    assert naming.result(PATIENCE_SECONDS).keys() == {"garden", "home"}


def test_a_deadlock_is_a_conflict(client_of: Any, alice: User, aside: Any) -> None:
    task = create_task(alice, title="water")
    client = client_of(alice)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL deadlock_timeout = '1min'")  # so that it is the other one who finds it
        tags_named(alice, ["garden"])
        patching = aside(lambda: client.patch(f"/api/tasks/{task.pk}", {"tags": ["garden"]}))
        Task.objects.locked().get(pk=task.pk)
    answer = patching.result(PATIENCE_SECONDS)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "conflict")


def test_a_deadlock_in_the_admin_is_a_503(operator: Client, alice: User, aside: Any) -> None:
    tag = Tag.objects.create(user=alice, name="garden")
    task = create_task(alice, title="water", tags=[tag])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL deadlock_timeout = '1min'")  # so that it is the other one who finds it
        Tag.objects.select_for_update().get(pk=tag.pk)
        deleting = aside(lambda: operator.post(f"/admin/tasks_app/tag/{tag.pk}/delete/", {"post": "yes"}))
        Task.objects.locked().get(pk=task.pk)
    answer = deleting.result(PATIENCE_SECONDS)
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")


def test_tags_that_are_deleted_together_are_taken_from_their_tasks_once(alice: User) -> None:
    tags = [Tag.objects.create(user=alice, name=f"tag {n}") for n in range(3)]
    create_task(alice, title="water", tags=tags)
    with CaptureQueriesContext(connection) as queries:
        Tag.objects.filter(user=alice).delete()
    locks = [query for query in queries if 'FROM "tags"' in query["sql"] and "FOR UPDATE" in query["sql"]]
    assert len(locks) == 1
    assert not TaskTag.objects.exists()
