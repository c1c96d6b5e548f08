"""A save of a task tells what changed, once, whatever else has been written meanwhile."""

from datetime import UTC, datetime

import pytest

from accounts_app.models import User
from tasks_app.models import Task
from tasks_app.services import update_task
from tests.tasks_app.recorded import fresh, recorded

pytestmark = pytest.mark.django_db(transaction=True)  # each change commits, as it does outside of tests

DUE = datetime(2030, 1, 1, 9, tzinfo=UTC)


def test_create_outside_a_transaction(alice: User) -> None:
    with recorded() as found:
        task = Task.objects.create(user=alice, title="water the plants")
    assert found.types == [("task.created", task.pk)]
    assert found.synced[0][0] == task.pk
    assert found.data(task.pk)["title"] == "water the plants"
    assert [event.key for event in found.events] == [str(alice.pk)] * 2
    assert [event.sequence for event in found.events] == [1, 1]


def test_update_tells_only_what_changed(task: Task) -> None:
    task.title = "water all plants"
    with recorded() as found:
        task.save()
    assert found.types == [("task.updated", task.pk)]
    assert found.synced == [(task.pk, ["title"])]
    assert fresh(task).version == 2


def test_save_without_a_change_is_no_event(task: Task) -> None:
    with recorded() as found:
        task.save()
        fresh(task).save()
    assert found.events == []
    assert fresh(task).version == 1


def test_internal_fields_are_no_change(task: Task) -> None:
    task.due_announced_for = DUE
    with recorded() as found:
        task.save()
    assert found.events == []
    assert fresh(task).due_announced_for == DUE


def test_completing_and_reopening(task: Task) -> None:
    with recorded() as found:
        update_task(task, completed=True)
        update_task(task, completed=False)
    assert found.types == [("task.completed", task.pk), ("task.updated", task.pk)]
    assert found.synced == [(task.pk, ["completed", "completed_at"])] * 2


def test_two_stale_saves_complete_once(task: Task) -> None:
    one, other = fresh(task), fresh(task)
    with recorded() as found:
        for stale in (one, other):
            stale.completed = True
            stale.save()
    assert found.types == [("task.completed", task.pk)]


def test_a_stale_full_save_undoes_nothing(task: Task) -> None:
    stale = fresh(task)
    update_task(task, reminder_sent=True, title="by somebody else")
    stale.color = "red"
    stale.save()
    row = fresh(task)
    assert (row.reminder_sent, row.title, row.color, row.version) == (True, "by somebody else", "red", 3)
    assert (stale.reminder_sent, stale.title, stale.version) == (True, "by somebody else", 3)


def test_update_fields_limits_what_is_written(task: Task) -> None:
    task.title, task.color = "new", "red"
    task.save(update_fields=["color"])
    row = fresh(task)
    assert (row.title, row.color) == ("water the plants", "red")


def test_a_change_inside_a_list_is_seen(task: Task) -> None:
    update_task(task, due_at=DUE, reminder_offsets=[10])
    loaded = fresh(task)
    loaded.reminder_offsets.append(60)
    with recorded() as found:
        loaded.save()
    assert found.synced == [(task.pk, ["reminder_offsets"])]


def test_refreshed_and_deferred_copies(task: Task) -> None:
    stale = fresh(task)
    update_task(task, title="newer")
    stale.refresh_from_db()
    stale.save()
    assert fresh(task).version == 2
    partial = Task.objects.only("title").get(pk=task.pk)
    partial.title = "newest"
    partial.save()
    assert (fresh(task).title, fresh(task).version) == ("newest", 3)


def test_a_task_keeps_its_user(task: Task, bob: User) -> None:
    task.user = bob
    with recorded() as found, pytest.raises(ValueError, match="keeps its user"):
        task.save()
    with pytest.raises(ValueError, match="keeps its user"):
        Task.objects.update(user=bob)
    assert found.events == []
    assert fresh(task).user != bob


def test_saving_an_erased_task_does_not_bring_it_back(task: Task) -> None:
    stale = fresh(task)
    task.delete()
    stale.title = "again"
    with recorded() as found, pytest.raises(Task.DoesNotExist):
        stale.save()
    assert found.events == []
    assert not Task.objects.filter(pk=stale.pk).exists()
