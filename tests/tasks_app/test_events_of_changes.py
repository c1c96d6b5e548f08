"""Every way to change a task makes exactly its events, and none after a rollback.

Real transactions: each change commits, as it does outside of tests.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import NotSupportedError, transaction

from accounts_app.models import User
from events_app.models import OutboxEvent
from recurring_app.models import RecurringTask
from tasks_app.models import Priority, Tag, Task, TaskTag
from tasks_app.services import create_task, delete_tag, update_task
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db(transaction=True)

DUE = datetime(2030, 1, 1, 9, tzinfo=UTC)


@pytest.fixture
def task(alice: User) -> Task:
    return Task.objects.create(user=alice, title="water the plants")


@pytest.fixture
def tag(alice: User) -> Tag:
    return Tag.objects.create(user=alice, name="garden")


def fresh(task: Task) -> Task:
    return Task.objects.get(pk=task.pk)


class TestSave:
    def test_create_outside_a_transaction(self, alice: User) -> None:
        with recorded() as found:
            task = Task.objects.create(user=alice, title="water the plants")
        assert found.types == [("task.created", task.pk)]
        assert found.synced[0][0] == task.pk
        assert found.data(task.pk)["title"] == "water the plants"
        assert [event.key for event in found.events] == [str(alice.pk)] * 2
        assert [event.sequence for event in found.events] == [1, 1]

    def test_update_tells_only_what_changed(self, task: Task) -> None:
        task.title = "water all plants"
        with recorded() as found:
            task.save()
        assert found.types == [("task.updated", task.pk)]
        assert found.synced == [(task.pk, ["title"])]
        assert fresh(task).version == 2

    def test_save_without_a_change_is_no_event(self, task: Task) -> None:
        with recorded() as found:
            task.save()
            fresh(task).save()
        assert found.events == []
        assert fresh(task).version == 1

    def test_internal_fields_are_no_change(self, task: Task) -> None:
        task.due_announced_for = DUE
        with recorded() as found:
            task.save()
        assert found.events == []
        assert fresh(task).due_announced_for == DUE

    def test_completing_and_reopening(self, task: Task) -> None:
        with recorded() as found:
            update_task(task, completed=True)
            update_task(task, completed=False)
        assert found.types == [("task.completed", task.pk), ("task.updated", task.pk)]
        assert found.synced == [(task.pk, ["completed", "completed_at"])] * 2

    def test_two_stale_saves_complete_once(self, task: Task) -> None:
        one, other = fresh(task), fresh(task)
        with recorded() as found:
            for stale in (one, other):
                stale.completed = True
                stale.save()
        assert found.types == [("task.completed", task.pk)]

    def test_a_stale_full_save_undoes_nothing(self, task: Task) -> None:
        stale = fresh(task)
        update_task(task, reminder_sent=True, title="by somebody else")
        stale.color = "red"
        stale.save()
        row = fresh(task)
        assert (row.reminder_sent, row.title, row.color, row.version) == (True, "by somebody else", "red", 3)
        assert (stale.reminder_sent, stale.title, stale.version) == (True, "by somebody else", 3)

    def test_update_fields_limits_what_is_written(self, task: Task) -> None:
        task.title, task.color = "new", "red"
        task.save(update_fields=["color"])
        row = fresh(task)
        assert (row.title, row.color) == ("water the plants", "red")

    def test_a_change_inside_a_list_is_seen(self, task: Task) -> None:
        update_task(task, due_at=DUE, reminder_offsets=[10])
        loaded = fresh(task)
        loaded.reminder_offsets.append(60)
        with recorded() as found:
            loaded.save()
        assert found.synced == [(task.pk, ["reminder_offsets"])]

    def test_refreshed_and_deferred_copies(self, task: Task) -> None:
        stale = fresh(task)
        update_task(task, title="newer")
        stale.refresh_from_db()
        stale.save()
        assert fresh(task).version == 2
        partial = Task.objects.only("title").get(pk=task.pk)
        partial.title = "newest"
        partial.save()
        assert (fresh(task).title, fresh(task).version) == ("newest", 3)

    def test_a_task_keeps_its_user(self, task: Task, bob: User) -> None:
        task.user = bob
        with recorded() as found, pytest.raises(ValueError, match="keeps its user"):
            task.save()
        with pytest.raises(ValueError, match="keeps its user"):
            Task.objects.update(user=bob)
        assert found.events == []
        assert fresh(task).user != bob

    def test_saving_an_erased_task_does_not_bring_it_back(self, task: Task) -> None:
        stale = fresh(task)
        task.delete()
        stale.title = "again"
        with recorded() as found, pytest.raises(Task.DoesNotExist):
            stale.save()
        assert found.events == []
        assert not Task.objects.filter(pk=stale.pk).exists()


class TestTrash:
    def test_trash_restore_and_purge(self, task: Task) -> None:
        with recorded() as found:
            update_task(task, deleted_at=DUE)
            update_task(task, deleted_at=None)
            update_task(task, deleted_at=DUE)
            Task.objects.filter(pk=task.pk).delete()
        kinds = [kind for kind, _ in found.types]
        assert kinds == ["task.deleted", "task.updated", "task.deleted"]

    def test_delete_is_complete_in_itself(self, task: Task, tag: Tag) -> None:
        TaskTag.objects.create(task=task, tag=tag)
        with recorded() as found:
            task.delete()
        ((kind, task_id),) = found.types
        assert kind == "task.deleted"
        assert found.data(task_id)["tag_ids"] == [tag.pk]
        assert found.data(task_id)["deleted_at"] is not None
        assert found.synced == [(task_id, ["deleted_at"])]
        assert found.events[0].sequence == 3

    def test_queryset_delete(self, alice: User, tag: Tag) -> None:
        tasks = [create_task(alice, title=f"task {n}", tags=[tag]) for n in range(3)]
        with recorded() as found:
            Task.objects.filter(user=alice).delete()
        assert sorted(found.types) == [("task.deleted", task.pk) for task in tasks]
        assert found.data(tasks[0].pk)["tag_ids"] == [tag.pk]

    def test_queryset_delete_of_many_with_few_statements(
        self, alice: User, tag: Tag, django_assert_max_num_queries
    ) -> None:
        tasks = Task.objects.bulk_create([Task(user=alice, title=f"task {n}") for n in range(100)])
        TaskTag.objects.bulk_create([TaskTag(task=task, tag=tag) for task in tasks])
        with django_assert_max_num_queries(30), recorded() as found:
            Task.objects.filter(user=alice).delete()
        assert len(found.types) == 100

    def test_deleting_a_stale_copy_tells_the_row(self, task: Task) -> None:
        stale = fresh(task)
        update_task(task, title="newer")
        with recorded() as found:
            stale.delete()
        assert found.data(task.pk)["title"] == "newer"
        assert found.events[0].sequence == 3

    def test_deleting_twice_is_one_event(self, task: Task) -> None:
        other = fresh(task)
        with recorded() as found:
            other.delete()
            task.delete()
        assert [kind for kind, _ in found.types] == ["task.deleted"]

    def test_cascade_of_a_user(self, alice: User, tag: Tag) -> None:
        head = create_task(alice, title="head", tags=[tag])
        child = create_task(alice, title="child", parent_task=head)
        trashed = create_task(alice, title="gone", deleted_at=DUE)
        with recorded() as found:
            alice.delete()
        assert sorted(found.types) == [("task.deleted", head.pk), ("task.deleted", child.pk)]
        assert not Task.objects.filter(pk__in=[head.pk, child.pk, trashed.pk]).exists()


class TestQuerysets:
    def test_update(self, alice: User) -> None:
        tasks = [Task.objects.create(user=alice, title=f"task {n}") for n in range(3)]
        update_task(tasks[2], color="red")
        with recorded() as found:
            assert Task.objects.filter(user=alice).update(color="red") == 3
        assert found.types == [("task.updated", task.pk) for task in tasks[:2]]
        assert found.synced == [(task.pk, ["color"]) for task in tasks[:2]]
        assert {fresh(task).version for task in tasks} == {2}

    def test_update_completes(self, task: Task) -> None:
        with recorded() as found:
            Task.objects.filter(completed=False).update(completed=True)
        assert found.types == [("task.completed", task.pk)]
        assert fresh(task).completed_at is not None

    def test_update_trashes(self, task: Task) -> None:
        with recorded() as found:
            Task.objects.update(deleted_at=DUE)
        assert found.types == [("task.deleted", task.pk)]

    def test_update_of_many_with_few_statements(self, alice: User, django_assert_max_num_queries) -> None:
        Task.objects.bulk_create([Task(user=alice, title=f"task {n}") for n in range(300)])
        with django_assert_max_num_queries(14), recorded() as found:
            Task.objects.filter(user=alice).update(pinned=True)
        assert len(found.types) == 300

    def test_bulk_create(self, alice: User) -> None:
        with recorded() as found:
            tasks = Task.objects.bulk_create([Task(user=alice, title=f"task {n}") for n in range(3)])
        assert found.types == [("task.created", task.pk) for task in tasks]
        assert {fresh(task).timezone for task in tasks} == {"Europe/Berlin"}

    def test_bulk_create_that_may_skip_rows_is_refused(self, alice: User) -> None:
        with pytest.raises(NotSupportedError):
            Task.objects.bulk_create([Task(user=alice, title="x")], ignore_conflicts=True)

    def test_bulk_update(self, alice: User) -> None:
        tasks = Task.objects.bulk_create([Task(user=alice, title=f"task {n}") for n in range(3)])
        for task in tasks[:2]:
            task.title = "renamed"
        with recorded() as found:
            Task.objects.bulk_update(tasks, ["title"])
        assert found.types == [("task.updated", task.pk) for task in tasks[:2]]

    def test_get_or_create_and_update_or_create(self, alice: User) -> None:
        with recorded() as found:
            task, _ = Task.objects.get_or_create(user=alice, title="one")
            Task.objects.get_or_create(user=alice, title="one")
            Task.objects.update_or_create(user=alice, title="one", defaults={"color": "red"})
        assert found.types == [("task.created", task.pk), ("task.updated", task.pk)]

    def test_related_manager(self, alice: User, task: Task) -> None:
        with recorded() as found:
            alice.tasks.create(title="two")
            alice.tasks.update(pinned=True)
        assert [kind for kind, _ in found.types] == ["task.created", "task.updated", "task.updated"]


class TestTags:
    def test_a_tag_is_a_change_of_the_task(self, task: Task, tag: Tag) -> None:
        with recorded() as found:
            link = TaskTag.objects.create(task=task, tag=tag)
            link.delete()
        assert found.types == [("task.updated", task.pk)] * 2
        assert found.synced == [(task.pk, ["tag_ids"])] * 2
        assert [event.data["changes"] for event in found.events if event.topic == "task-updates"] == [
            {"tag_ids": [tag.pk]},
            {"tag_ids": []},
        ]
        assert fresh(task).version == 3

    def test_many_to_many_manager(self, task: Task, tag: Tag) -> None:
        with recorded() as found:
            task.tags.add(tag)
            task.tags.add(tag)
            task.tags.set([])
        assert found.types == [("task.updated", task.pk)] * 2

    def test_deleting_a_tag(self, alice: User, task: Task, tag: Tag) -> None:
        untagged = Task.objects.create(user=alice, title="other")
        task.tags.add(tag)
        with recorded() as found:
            tag.delete()
        assert found.types == [("task.updated", task.pk)]
        assert found.data(task.pk)["tag_ids"] == []
        assert fresh(untagged).version == 1

    def test_deleting_a_tag_of_many_tasks_with_few_statements(
        self, alice: User, tag: Tag, django_assert_max_num_queries
    ) -> None:
        tasks = Task.objects.bulk_create([Task(user=alice, title=f"task {n}") for n in range(100)])
        TaskTag.objects.bulk_create([TaskTag(task=task, tag=tag) for task in tasks])
        with django_assert_max_num_queries(30), recorded() as found:
            delete_tag(tag)
        assert len(found.types) == 100

    def test_moving_links_to_another_tag(self, alice: User, task: Task, tag: Tag) -> None:
        task.tags.add(tag)
        other = Tag.objects.create(user=alice, name="other")
        with recorded() as found:
            TaskTag.objects.filter(tag=tag).update(tag=other)
        assert found.types == [("task.updated", task.pk)]
        assert found.data(task.pk)["tag_ids"] == [other.pk]

    def test_renaming_a_tag_or_a_priority_is_no_change_of_a_task(self, task: Task, tag: Tag) -> None:
        task.tags.add(tag)
        with recorded() as found:
            tag.name = "yard"
            tag.save()
            Priority.objects.filter(pk=task.priority_id).update(color="#000000")
        assert found.events == []


class TestCascades:
    def test_erasing_a_head_tells_its_occurrences(self, alice: User) -> None:
        head = Task.objects.create(user=alice, title="head")
        child = Task.objects.create(user=alice, title="child", parent_task=head)
        with recorded() as found:
            fresh(head).delete()
        assert sorted(found.types) == [("task.deleted", head.pk), ("task.updated", child.pk)]
        assert found.data(child.pk)["parent_task_id"] is None

    def test_deleting_a_template_tells_its_tasks(self, alice: User) -> None:
        template = RecurringTask.objects.create(
            user=alice,
            template_title="t",
            recurrence_pattern="daily",
            starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001
        )
        task = Task.objects.create(user=alice, title="made", recurring_task=template, occurrence_at=DUE)
        with recorded() as found:
            template.delete()
        assert found.types == [("task.updated", task.pk)]
        assert fresh(task).recurring_task_id is None


class TestOneTransaction:
    def test_create_with_tags_is_one_event(self, alice: User, tag: Tag) -> None:
        with recorded() as found:
            task = create_task(alice, title="new", tags=[tag])
        assert found.types == [("task.created", task.pk)]
        assert found.data(task.pk)["tag_ids"] == [tag.pk]
        assert found.synced[0][1].count("tag_ids") == 1
        assert task.version == fresh(task).version == 1

    def test_several_changes_are_one_event(self, task: Task, tag: Tag) -> None:
        with recorded() as found, transaction.atomic():
            update_task(task, title="one")
            update_task(task, color="red")
            task.tags.add(tag)
        assert found.types == [("task.updated", task.pk)]
        assert found.synced == [(task.pk, ["color", "tag_ids", "title"])]
        assert found.data(task.pk)["title"] == "one"
        assert found.events[0].sequence == fresh(task).version == 3

    def test_completed_beats_updated(self, task: Task) -> None:
        with recorded() as found, transaction.atomic():
            update_task(task, completed=True)
            update_task(task, title="and renamed")
        assert found.types == [("task.completed", task.pk)]
        assert found.data(task.pk)["title"] == "and renamed"

    def test_deleted_beats_completed(self, task: Task) -> None:
        with recorded() as found, transaction.atomic():
            update_task(task, completed=True)
            task.delete()
        assert [kind for kind, _ in found.types] == ["task.deleted"]

    def test_completed_in_the_trash_is_still_deleted(self, task: Task) -> None:
        with recorded() as found, transaction.atomic():
            update_task(task, deleted_at=DUE)
            update_task(task, completed=True)
        assert found.types == [("task.deleted", task.pk)]

    def test_what_is_undone_in_the_same_transaction_is_not_told(self, task: Task) -> None:
        with recorded() as found, transaction.atomic():
            update_task(task, completed=True)
            update_task(task, completed=False)
        assert found.types == [("task.updated", task.pk)]
        with recorded() as found, transaction.atomic():
            update_task(task, deleted_at=DUE)
            update_task(task, deleted_at=None)
        assert found.types == [("task.updated", task.pk)]

    def test_created_and_changed_is_created(self, alice: User) -> None:
        with recorded() as found, transaction.atomic():
            task = Task.objects.create(user=alice, title="new")
            update_task(task, title="newer")
        assert found.types == [("task.created", task.pk)]
        assert found.data(task.pk)["title"] == "newer"

    def test_created_and_erased_was_never_there(self, alice: User) -> None:
        with recorded() as found, transaction.atomic():
            Task.objects.create(user=alice, title="new").delete()
        assert found.events == []

    def test_trashed_and_purged_is_deleted(self, task: Task) -> None:
        with recorded() as found, transaction.atomic():
            update_task(task, deleted_at=DUE)
            task.delete()
        assert [kind for kind, _ in found.types] == ["task.deleted"]

    def test_two_transactions_are_two_events(self, task: Task) -> None:
        with recorded() as found:
            update_task(task, title="one")
            update_task(task, title="two")
        assert [event.sequence for event in found.events if event.topic == "task-events"] == [2, 3]


class TestRollback:
    def test_nothing_is_told_of_what_did_not_happen(self, alice: User, task: Task, tag: Tag) -> None:
        with recorded() as found, pytest.raises(ZeroDivisionError), transaction.atomic():
            Task.objects.create(user=alice, title="new")
            update_task(task, title="renamed", completed=True)
            task.tags.add(tag)
            Task.objects.update(pinned=True)
            Task.objects.all().delete()
            raise ZeroDivisionError
        assert found.events == []
        assert fresh(task).version == 1

    def test_a_savepoint_taken_back(self, task: Task) -> None:
        with recorded() as found, transaction.atomic():
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                update_task(task, completed=True)
                raise ZeroDivisionError
            again = fresh(task)
            update_task(again, title="renamed")
        assert found.types == [("task.updated", task.pk)]

    def test_a_task_whose_event_cannot_be_written_is_not_written(self, alice: User, monkeypatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("tasks_app.changes.outbox.write", fail)
        with pytest.raises(ZeroDivisionError):
            Task.objects.create(user=alice, title="new")
        assert not Task.objects.exists()
        assert not OutboxEvent.objects.exists()


def test_reminder_of_a_moved_task_is_derived_in_every_way(alice: User) -> None:
    task = Task.objects.create(user=alice, title="x", due_at=DUE, reminder_offsets=[60])
    assert task.next_reminder_at == DUE - timedelta(hours=1)
    Task.objects.update(due_at=DUE + timedelta(days=1))
    assert fresh(task).next_reminder_at == DUE + timedelta(hours=23)
    Task.objects.update(archived=True)
    assert fresh(task).next_reminder_at is None
