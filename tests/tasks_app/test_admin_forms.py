"""Wrong input of an operator is reported beside its field; never a 500, never saved in part."""

from datetime import UTC, datetime

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.test import Client

from accounts_app.models import User
from tasks_app.derived_fields import INDEXED
from tasks_app.models import Tag, Task
from tasks_app.services import create_task, update_task
from tests.tasks_app.admin_pages import edit, opened, refusals, send, url_of
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db

DUE = datetime(2030, 1, 1, 9, tzinfo=UTC)
AT_DUE = {"due_at_0": "2030-01-01", "due_at_1": "09:00"}


@pytest.fixture
def task(alice: User) -> Task:
    return create_task(alice, title="water the plants")


def test_the_page_has_each_column_and_the_tags() -> None:
    shown = flatten_fieldsets(admin.site.get_model_admin(Task).fieldsets)
    columns = {field.name for field in Task._meta.concrete_fields} - {"id", *INDEXED}
    assert set(shown) == columns | {"tag_ids", "seen_version", "trace", "in_words", "upcoming"}, (
        "add the field in tasks_app/admin.py"
    )


def at(name: str, day: str, time: str = "09:00") -> dict[str, str]:
    return {f"{name}_0": day, f"{name}_1": time}


REFUSED = [
    ({"title": ""}, "title"),
    ({"title": "x" * 201}, "title"),
    ({"title": "\0"}, "title"),
    ({"description": "x" * 1001}, "description"),
    ({"color": "x" * 21}, "color"),
    ({"priority": "99"}, "priority"),
    ({"priority": "none"}, "priority"),
    (at("due_at", "tomorrow"), "due_at"),
    (at("due_at", "0001-01-01"), "due_at"),
    (at("due_at", "9999-12-31"), "due_at"),
    ({"due_date": "0001-01-01"}, "due_date"),
    ({"due_date": "9999-12-31"}, "due_date"),
    (at("recurrence_end", "9999-12-31"), "recurrence_end"),
    (at("recurrence_end", "2001-01-01"), "recurrence_end"),
    (at("reminder_at", "2001-01-01"), "reminder_at"),
    (at("snoozed_until", "2001-01-01"), "snoozed_until"),
    ({"reminder_offsets": "10"}, "reminder_offsets"),
    (AT_DUE | {"reminder_offsets": "-1"}, "reminder_offsets"),
    (AT_DUE | {"reminder_offsets": "99999999999999999999"}, "reminder_offsets"),
    (AT_DUE | {"reminder_offsets": "soon"}, "reminder_offsets"),
    (AT_DUE | {"reminder_offsets": "1,2,3,4,5,6,7,8,9,10,11"}, "reminder_offsets"),
    (AT_DUE | {"reminder_offsets": "10"} | at("reminder_at", "2030-01-01"), "reminder_offsets"),
    ({"recurrence_rule": "sometimes"}, "recurrence_rule"),
    ({"recurrence_rule": "cron:0 9 30 2 *"}, "recurrence_rule"),
    ({"recurrence_rule": "cron:* * * * *"}, "recurrence_rule"),
    ({"recurrence_rule": "x" * 101}, "recurrence_rule"),
    ({"recurrence_rule": "weekdays", "recurrence_mode": "after_completion"}, "recurrence_mode"),
    ({"recurrence_mode": "never"}, "recurrence_mode"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"timezone": "../../etc/passwd", "recurrence_rule": "daily"}, "timezone"),
    ({"timezone": "x" * 65}, "timezone"),
    ({"parent_task": "99999999999999999999999"}, "parent_task"),
    ({"parent_task": "head"}, "parent_task"),
]


def test_refused_by_name(operator: Client, task: Task) -> None:
    page = opened(operator, url_of("change", task))
    told = [refusals(task, page, changes) for changes, _ in REFUSED]
    assert [list(errors) for errors in told] == [[field] for _, field in REFUSED]
    assert {len(messages) for errors in told for messages in errors.values()} == {1}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        (at("due_at", "9999-12-31"), "due_at"),
        (AT_DUE | {"reminder_offsets": "10"} | at("reminder_at", "2030-01-01"), "reminder_offsets"),
        ({"recurrence_rule": "sometimes"}, "recurrence_rule"),
    ],
)
def test_refused_on_the_page(operator: Client, task: Task, changes: dict[str, str], field: str) -> None:
    with recorded() as found:
        assert list(edit(operator, task, **changes)) == [field]
    assert found.events == []


def test_a_new_task_without_user_and_with_a_bad_rule(operator: Client) -> None:
    url = url_of("add", Task)
    errors = send(operator, url, opened(operator, url), title="x", recurrence_rule="daily", timezone="Mars")
    assert set(errors) == {"user", "timezone"}
    assert set(send(operator, url, opened(operator, url), title="x", recurrence_rule="daily")) == {"user"}
    assert not Task.objects.exists()


def test_a_new_task_with_a_bad_time_zone_of_its_own(operator: Client, alice: User) -> None:
    url = url_of("add", Task)
    page = opened(operator, url)
    errors = send(operator, url, page, user=str(alice.pk), title="x", timezone="Mars/Olympus")
    assert list(errors) == ["timezone"]


def test_a_task_stays_its_users(operator: Client, task: Task, bob: User, alice: User) -> None:
    with recorded() as found:
        assert edit(operator, task, user=str(bob.pk)) == {}
    assert found.events == []
    assert Task.objects.get().user == alice


def test_the_head_of_a_series_is_another_task_of_the_same_user(
    operator: Client, task: Task, bob: User, alice: User
) -> None:
    for parent in (task, create_task(bob, title="hers")):
        assert list(edit(operator, task, parent_task=str(parent.pk))) == ["parent_task"]
    head = create_task(alice, title="head")
    assert edit(operator, task, parent_task=str(head.pk)) == {}
    assert Task.objects.get(pk=task.pk).parent_task == head


def test_what_was_accepted_once_stays(operator: Client, task: Task) -> None:
    update_task(task, reminder_at=datetime(2001, 1, 1, tzinfo=UTC), recurrence_rule="cron:* * * * *")
    assert edit(operator, task, title="renamed") == {}
    assert Task.objects.get().title == "renamed"


def test_offsets_are_sorted_and_kept_once(operator: Client, task: Task) -> None:
    assert edit(operator, task, **AT_DUE, reminder_offsets="60, 10, 60") == {}
    assert Task.objects.get().reminder_offsets == [10, 60]


def test_emptied_texts_are_null(operator: Client, task: Task) -> None:
    update_task(task, description="some", recurrence_rule="daily")
    assert edit(operator, task, description="", recurrence_rule="", timezone="") == {}
    row = Task.objects.get()
    assert (row.description, row.recurrence_rule, row.is_recurring) == (None, None, False)
    assert row.timezone == "Europe/Berlin"


def test_the_same_tag_twice(operator: Client, task: Task, alice: User) -> None:
    tag = Tag.objects.create(user=alice, name="garden")
    assert edit(operator, task, tag_ids=[str(tag.pk), str(tag.pk)]) == {}
    assert list(task.tags.all()) == [tag]


def test_only_the_users_tags_can_be_chosen(operator: Client, task: Task, alice: User, bob: User) -> None:
    Tag.objects.create(user=alice, name="of alice")
    Tag.objects.create(user=bob, name="of bob")
    page = operator.get(url_of("change", task)).content.decode()
    assert "of alice" in page
    assert "of bob" not in page


def test_a_task_that_is_not_there(operator: Client, task: Task) -> None:
    url = url_of("change", task)
    task.delete()
    for answer in (operator.get(url, follow=True), operator.post(url, {"title": "x"}, follow=True)):
        assert "Perhaps it was deleted?" in answer.content.decode()


def test_offsets_of_an_all_day_task(operator: Client, alice: User) -> None:
    url = url_of("add", Task)
    fields = {"user": str(alice.pk), "title": "x", "due_date": "2030-05-09", "reminder_offsets": "0"}
    assert send(operator, url, opened(operator, url), **fields) == {}
    task = Task.objects.get()
    assert task.next_reminder_at == datetime(2030, 5, 9, 7, tzinfo=UTC)
    assert set(edit(operator, task, due_date="")) == {"reminder_offsets"}
    assert edit(operator, task, due_date="", reminder_offsets="") == {}
    assert Task.objects.get().due_at is None


def test_an_emptied_external_id_is_null(operator: Client, alice: User) -> None:
    for name in ("first", "second"):
        assert edit(operator, create_task(alice, title="x", external_id=name), external_id="") == {}
    assert set(Task.objects.values_list("external_id", flat=True)) == {None}
