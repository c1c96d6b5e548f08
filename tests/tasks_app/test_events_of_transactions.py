"""One event for each task and transaction, of what is true at its end; none after a rollback."""

from datetime import UTC, datetime

import pytest
from django.db import transaction

from accounts_app.models import User
from events_app.models import OutboxEvent
from tasks_app.models import Tag, Task
from tasks_app.services import create_task, update_task
from tests.tasks_app.recorded import fresh, recorded

pytestmark = pytest.mark.django_db(transaction=True)  # each change commits, as it does outside of tests

DUE = datetime(2030, 1, 1, 9, tzinfo=UTC)


def test_create_with_tags_is_one_event(alice: User, tag: Tag) -> None:
    with recorded() as found:
        task = create_task(alice, title="new", tags=[tag])
    assert found.types == [("task.created", task.pk)]
    assert found.data(task.pk)["tag_ids"] == [tag.pk]
    assert found.synced[0][1].count("tag_ids") == 1
    assert task.version == fresh(task).version == 1


def test_several_changes_are_one_event(task: Task, tag: Tag) -> None:
    with recorded() as found, transaction.atomic():
        update_task(task, title="one")
        update_task(task, color="red")
        update_task(task, tags=[tag])
    assert found.types == [("task.updated", task.pk)]
    assert found.synced == [(task.pk, ["color", "tag_ids", "title"])]
    assert found.data(task.pk)["title"] == "one"
    assert found.events[0].sequence == fresh(task).version == 4


def test_completed_beats_updated(task: Task) -> None:
    with recorded() as found, transaction.atomic():
        update_task(task, completed=True)
        update_task(task, title="and renamed")
    assert found.types == [("task.completed", task.pk)]
    assert found.data(task.pk)["title"] == "and renamed"


def test_deleted_beats_completed(task: Task) -> None:
    with recorded() as found, transaction.atomic():
        update_task(task, completed=True)
        task.delete()
    assert [kind for kind, _ in found.types] == ["task.deleted"]


def test_completed_in_the_trash_is_still_deleted(task: Task) -> None:
    with recorded() as found, transaction.atomic():
        update_task(task, deleted_at=DUE)
        update_task(task, completed=True)
    assert found.types == [("task.deleted", task.pk)]


def test_what_is_undone_in_the_same_transaction_is_not_recorded(task: Task) -> None:
    with recorded() as found, transaction.atomic():
        update_task(task, completed=True)
        update_task(task, completed=False)
    assert found.types == [("task.updated", task.pk)]
    with recorded() as found, transaction.atomic():
        update_task(task, deleted_at=DUE)
        update_task(task, deleted_at=None)
    assert found.types == [("task.updated", task.pk)]


def test_created_and_changed_is_created(alice: User) -> None:
    with recorded() as found, transaction.atomic():
        task = Task.objects.create(user=alice, title="new")
        update_task(task, title="newer")
    assert found.types == [("task.created", task.pk)]
    assert found.data(task.pk)["title"] == "newer"


def test_created_and_erased_was_never_there(alice: User) -> None:
    with recorded() as found, transaction.atomic():
        Task.objects.create(user=alice, title="new").delete()
    assert found.events == []


def test_trashed_and_purged_is_deleted(task: Task) -> None:
    with recorded() as found, transaction.atomic():
        update_task(task, deleted_at=DUE)
        task.delete()
    assert [kind for kind, _ in found.types] == ["task.deleted"]


def test_two_transactions_are_two_events(task: Task) -> None:
    with recorded() as found:
        update_task(task, title="one")
        update_task(task, title="two")
    assert [event.sequence for event in found.events if event.topic == "task-events"] == [2, 3]


def test_nothing_is_recorded_of_what_did_not_happen(alice: User, task: Task, tag: Tag) -> None:
    with recorded() as found, pytest.raises(ZeroDivisionError), transaction.atomic():
        Task.objects.create(user=alice, title="new")
        update_task(task, title="renamed", completed=True)
        update_task(task, tags=[tag])
        Task.objects.all().delete()
        raise ZeroDivisionError
    assert found.events == []
    assert fresh(task).version == 1


def test_a_savepoint_taken_back(task: Task) -> None:
    with recorded() as found, transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            update_task(task, completed=True)
            raise ZeroDivisionError
        again = fresh(task)
        update_task(again, title="renamed")
    assert found.types == [("task.updated", task.pk)]


def test_a_task_whose_event_cannot_be_written_is_not_written(alice: User, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("tasks_app.task_events.outbox.write_new", fail)
    with pytest.raises(ZeroDivisionError):
        Task.objects.create(user=alice, title="new")
    assert not Task.objects.exists()
    assert not OutboxEvent.objects.exists()
