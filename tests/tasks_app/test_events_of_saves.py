"""A save of a task records what changed, once, also with concurrent writes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.db.models.signals import post_save

from accounts_app.models import User
from tasks_app.models import Tag, Task
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


def test_an_update_records_only_what_changed(task: Task) -> None:
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


def test_a_save_with_tags(task: Task, tag: Tag) -> None:
    task.title = "weed"
    with recorded() as found:
        task.save(tag_ids=[tag.pk])
        task.save(tag_ids=[tag.pk])
    assert found.types == [("task.updated", task.pk)]
    assert found.synced == [(task.pk, ["tag_ids", "title"])]
    assert found.data(task.pk)["tag_ids"] == task.tag_ids == [tag.pk]
    assert fresh(task).version == 2


def test_a_save_sends_post_save_once(alice: User) -> None:
    sent = []

    def note(instance: Task, created: bool, **_: object) -> None:
        sent.append((instance.title, created))

    post_save.connect(note, Task)
    try:
        task = Task.objects.create(user=alice, title="new")
        task.title = "newer"
        task.save()
    finally:
        post_save.disconnect(note, Task)
    assert sent == [("new", True), ("newer", False)]


def test_a_lock_is_good_for_its_own_transaction_only(task: Task) -> None:
    with transaction.atomic():
        locked = Task.objects.locked().get(pk=task.pk)
    update_task(task, title="by another user")
    locked.color = "red"
    with pytest.raises(transaction.TransactionManagementError, match="lock"):
        locked.save()
    assert fresh(task).color == "default"


def test_a_stale_full_save_undoes_nothing(task: Task) -> None:
    stale = fresh(task)
    update_task(task, reminder_sent=True, title="by another user")
    stale.color = "red"
    stale.save()
    row = fresh(task)
    assert (row.reminder_sent, row.title, row.color, row.version) == (True, "by another user", "red", 3)
    assert (stale.reminder_sent, stale.title, stale.version) == (True, "by another user", 3)


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


def test_the_next_reminder_follows_the_due_date(alice: User) -> None:
    task = Task.objects.create(user=alice, title="x", due_at=DUE, reminder_offsets=[60])
    assert task.next_reminder_at == DUE - timedelta(hours=1)
    update_task(task, due_at=DUE + timedelta(days=1))
    assert fresh(task).next_reminder_at == DUE + timedelta(hours=23)
    update_task(task, archived=True)
    assert fresh(task).next_reminder_at is None


def test_a_task_keeps_its_user(task: Task, bob: User) -> None:
    task.user = bob
    with recorded() as found, pytest.raises(ValueError, match="cannot change"):
        task.save()
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
