"""Whatever an operator does to tasks in the admin makes exactly its events.

Real transactions, and the pages' own forms as a browser sends them.
"""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts_app.models import User
from notifications_app.models import Reminder
from tasks_app.models import Tag, Task, TaskTag
from tasks_app.services import create_task, update_task
from tests.tasks_app.admin_pages import act, edit, opened, send, url_of
from tests.tasks_app.recorded import fresh, recorded

pytestmark = pytest.mark.django_db(transaction=True)

DUE = datetime(2030, 1, 1, 9, tzinfo=UTC)


@pytest.fixture
def garden(alice: User) -> Tag:
    return Tag.objects.create(user=alice, name="garden")


@pytest.fixture
def weekly(alice: User) -> Tag:
    return Tag.objects.create(user=alice, name="weekly")


@pytest.fixture
def task(alice: User, garden: Tag) -> Task:
    return create_task(alice, title="water the plants", tags=[garden])


class TestForm:
    def test_add(self, operator: Client, alice: User) -> None:
        url = url_of("add", Task)
        with recorded() as found:
            errors = send(operator, url, opened(operator, url), user=str(alice.pk), title="new")
        assert errors == {}
        task = Task.objects.get()
        assert (task.title, task.user, task.timezone, task.description) == (
            "new",
            alice,
            "Europe/Berlin",
            None,
        )
        assert found.types == [("task.created", task.pk)]
        assert len(found.events) == 2

    def test_change(self, operator: Client, task: Task) -> None:
        before = fresh(task).version
        with recorded() as found:
            assert edit(operator, task, title="water all plants", pinned="on") == {}
        assert found.types == [("task.updated", task.pk)]
        assert found.synced == [(task.pk, ["pinned", "title"])]
        assert fresh(task).version == before + 1

    def test_sending_the_page_back_as_it_is(self, operator: Client, alice: User, garden: Tag) -> None:
        task = create_task(
            alice,
            title="everything",
            tags=[garden],
            description="two\nlines",
            due_at=DUE.replace(microsecond=123456),
            reminder_offsets=[10, 60],
            snoozed_until=DUE.replace(microsecond=1),
            recurrence_rule="daily",
            recurrence_end=DUE.replace(year=2031, microsecond=5),
        )
        plain = create_task(alice, title="nothing set", reminder_at=DUE.replace(microsecond=7))
        empty = create_task(alice, title="an empty description", description="")
        with recorded() as found:
            for row in (task, plain, empty):
                assert edit(operator, row) == {}
        assert found.events == []
        for row in (task, plain, empty):
            assert fresh(row).stored == row.stored

    def test_completing(self, operator: Client, task: Task) -> None:
        with recorded() as found:
            assert edit(operator, task, completed="on") == {}
        assert found.types == [("task.completed", task.pk)]
        assert fresh(task).completed_at is not None

    def test_reopening(self, operator: Client, task: Task) -> None:
        update_task(task, completed=True)
        with recorded() as found:
            assert edit(operator, task, completed=None) == {}
        assert found.types == [("task.updated", task.pk)]

    def test_a_rule_begins_a_series(self, operator: Client, task: Task) -> None:
        with recorded() as found:
            assert (
                edit(operator, task, recurrence_rule="daily", due_at_0="2030-01-01", due_at_1="09:00") == {}
            )
        assert found.types == [("task.updated", task.pk)]
        assert fresh(task).anchor_local == datetime(2030, 1, 1, 10)  # noqa: DTZ001 - wall clock in Berlin

    def test_a_page_left_open_undoes_nothing(self, operator: Client, task: Task) -> None:
        url = url_of("change", task)
        page = opened(operator, url)
        update_task(task, title="by alice")
        with recorded() as found:
            errors = send(operator, url, page, pinned="on")
        assert "Open it again." in str(errors["__all__"])
        assert found.events == []
        assert fresh(task).title == "by alice"

    def test_what_is_sent_is_checked_under_the_tasks_lock(self, operator: Client, task: Task) -> None:
        url = url_of("change", task)
        page = opened(operator, url)
        with CaptureQueriesContext(connection) as asked:
            assert list(send(operator, url, page, title="")) == ["title"]
        assert any("FOR NO KEY UPDATE" in query["sql"] for query in asked)


class TestTags:
    def test_adding_and_removing(self, operator: Client, task: Task, weekly: Tag) -> None:
        with recorded() as found:
            assert edit(operator, task, tag_ids=[str(weekly.pk)]) == {}
        assert found.types == [("task.updated", task.pk)]
        assert found.synced == [(task.pk, ["tag_ids"])]
        assert found.data(task.pk)["tag_ids"] == [weekly.pk]

    def test_removing_all(self, operator: Client, task: Task) -> None:
        with recorded() as found:
            assert edit(operator, task, tag_ids=[]) == {}
        assert found.data(task.pk)["tag_ids"] == []

    def test_fields_and_tags_in_one_submit(
        self, operator: Client, task: Task, garden: Tag, weekly: Tag
    ) -> None:
        before = fresh(task).version
        with recorded() as found:
            tag_ids = [str(garden.pk), str(weekly.pk)]
            assert edit(operator, task, title="water all plants", tag_ids=tag_ids) == {}
        assert found.types == [("task.updated", task.pk)]
        assert found.synced == [(task.pk, ["tag_ids", "title"])]
        assert found.data(task.pk)["tag_ids"] == [garden.pk, weekly.pk]
        assert fresh(task).version == found.events[0].sequence == before + 1

    def test_completing_with_a_tag_is_completed(self, operator: Client, task: Task, weekly: Tag) -> None:
        with recorded() as found:
            assert edit(operator, task, completed="on", tag_ids=[str(weekly.pk)]) == {}
        assert found.types == [("task.completed", task.pk)]
        assert len(found.events) == 2

    def test_a_tag_of_another_user_changes_nothing(self, operator: Client, task: Task, bob: User) -> None:
        hers = Tag.objects.create(user=bob, name="garden")
        with recorded() as found:
            assert list(edit(operator, task, title="water all plants", tag_ids=[str(hers.pk)])) == ["tag_ids"]
        assert found.events == []
        assert fresh(task).title == "water the plants"
        assert not TaskTag.objects.filter(tag=hers).exists()

    def test_a_new_task_has_none_to_choose(self, operator: Client) -> None:
        assert "tag_ids" not in opened(operator, url_of("add", Task))


class TestDelete:
    def test_one(self, operator: Client, task: Task, garden: Tag) -> None:
        with recorded() as found:
            assert operator.post(url_of("delete", task), {"post": "yes"}).status_code == 302
        assert found.types == [("task.deleted", task.pk)]
        assert found.data(task.pk)["tag_ids"] == [garden.pk]
        assert len(found.events) == 2

    def test_with_its_reminders(self, operator: Client, task: Task) -> None:
        Reminder.objects.create(
            task=task, reminder_at=DUE, claimed_at=DUE, lateness=timedelta(0), event_id=uuid4()
        )
        with recorded() as found:
            assert operator.post(url_of("delete", task), {"post": "yes"}).status_code == 302
        assert found.types == [("task.deleted", task.pk)]

    def test_from_the_trash_was_recorded_before(self, operator: Client, task: Task) -> None:
        update_task(task, deleted_at=DUE)
        with recorded() as found:
            assert operator.post(url_of("delete", task), {"post": "yes"}).status_code == 302
        assert found.events == []
        assert not Task.objects.filter(pk=task.pk).exists()

    def test_several(self, operator: Client, alice: User, garden: Tag) -> None:
        tasks = [create_task(alice, title=f"task {n}", tags=[garden]) for n in range(3)]
        assert "Are you sure" in act(operator, "delete_selected", tasks)
        with recorded() as found:
            act(operator, "delete_selected", tasks, post="yes")
        assert sorted(found.types) == [("task.deleted", task.pk) for task in tasks]
        assert len(found.events) == 6


class TestActions:
    def test_trash_restore_and_complete(self, operator: Client, alice: User) -> None:
        tasks = [create_task(alice, title=f"task {n}") for n in range(3)]
        for action, kind in [
            ("trash", "task.deleted"),
            ("restore", "task.updated"),
            ("complete", "task.completed"),
        ]:
            with recorded() as found:
                assert "3 " in act(operator, action, tasks)
            assert sorted(found.types) == [(kind, task.pk) for task in tasks]
            assert len(found.events) == 6
        assert LogEntry.objects.filter(change_message="Moved to the trash.").count() == 3

    def test_what_is_done_already_is_not_done_again(self, operator: Client, alice: User) -> None:
        done = create_task(alice, title="done", completed=True)
        trashed = create_task(alice, title="trashed", deleted_at=DUE)
        open_ = create_task(alice, title="open")
        with recorded() as found:
            assert "1 completed." in act(operator, "complete", [done, trashed, open_])
        assert found.types == [("task.completed", open_.pk)]
        with recorded() as found:
            assert "1 restored from the trash." in act(operator, "restore", [done, trashed, open_])
        assert found.types == [("task.updated", trashed.pk)]

    def test_who_may_only_look_can_do_none(self, alice: User, bob: User, task: Task) -> None:
        bob.is_staff = True
        bob.save()
        bob.user_permissions.set(Permission.objects.filter(codename__in=["view_task"]))
        looking = Client()
        looking.force_login(bob)
        page = looking.get(url_of("change", task))
        assert page.status_code == 200
        assert looking.post(url_of("change", task), {"title": "mine"}).status_code == 403
        with recorded() as found:
            act(looking, "trash", [task])
        assert found.events == []
