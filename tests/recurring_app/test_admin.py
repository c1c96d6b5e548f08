"""Templates in the admin: checked by the field, with a next occurrence; deleting one updates its tasks."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts_app.erasure import erase_closed_accounts
from accounts_app.models import User
from recurring_app.models import RecurringTask
from tasks_app.models import SeriesSlot, Tag, Task
from tasks_app.services import create_task
from tests.tasks_app.admin_pages import act, edit, opened, refusals, send, shown, url_of
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
NEW = {
    "template_title": "water the plants",
    "recurrence_pattern": "daily",
    "timezone": "Europe/Berlin",
    "starts_at_0": "2030-01-01",
    "starts_at_1": "09:00",
}


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def template(alice: User) -> RecurringTask:
    return RecurringTask.objects.create(
        user=alice,
        template_title="water the plants",
        recurrence_pattern="daily",
        timezone="Europe/Berlin",
        starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001 - a wall clock's
    )


def add(client: Client, user: User, **changes: str) -> dict[str, list[str]]:
    url = url_of("add", RecurringTask)
    return send(client, url, opened(client, url), user=str(user.pk), **NEW | changes)


REFUSED = [
    ({"template_title": ""}, "template_title"),
    ({"recurrence_pattern": "custom"}, "cron_expression"),
    ({"cron_expression": "0 9 * * *"}, "cron_expression"),
    ({"recurrence_pattern": "custom", "cron_expression": "* * * * *"}, "cron_expression"),
    ({"recurrence_pattern": "custom", "cron_expression": "0 9 30 2 *"}, "cron_expression"),
    ({"recurrence_pattern": "custom", "cron_expression": "x" * 96}, "cron_expression"),
    ({"recurrence_pattern": "yearly"}, "recurrence_pattern"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"timezone": ""}, "timezone"),
    ({"starts_at_0": ""}, "starts_at"),
    ({"starts_at_0": "0001-01-01"}, "starts_at"),
    ({"starts_at_0": "9999-12-31"}, "starts_at"),
    ({"ends_at_0": "2029-01-01", "ends_at_1": "09:00"}, "ends_at"),
    ({"reminder_offsets": "99999999999"}, "reminder_offsets"),
    ({"due_after_minutes": "99999999999"}, "due_after_minutes"),
    ({"catch_up": "none"}, "catch_up"),
]


class TestForm:
    def test_add(self, operator: Client, alice: User) -> None:
        assert add(operator, alice) == {}
        template = RecurringTask.objects.get()
        assert template.starts_at == datetime(2030, 1, 1, 9)  # noqa: DTZ001 - a wall clock's
        assert template.next_occurrence == datetime(2030, 6, 2, 7, tzinfo=UTC)
        assert (template.template_description, template.cron_expression) == (None, None)

    def test_another_rhythm_has_another_next(self, operator: Client, template: RecurringTask) -> None:
        changes = {"recurrence_pattern": "custom", "cron_expression": "30 14 * * *", "timezone": "UTC"}
        assert edit(operator, template, **changes) == {}
        template.refresh_from_db()
        assert template.next_occurrence == datetime(2030, 6, 1, 14, 30, tzinfo=UTC)

    def test_another_title_leaves_the_next_alone(self, operator: Client, template: RecurringTask) -> None:
        waiting = datetime(2030, 6, 5, 7, tzinfo=UTC)
        RecurringTask.objects.update(next_occurrence=waiting)
        assert edit(operator, template, template_title="water all", is_active=None) == {}
        template.refresh_from_db()
        assert (template.next_occurrence, template.is_active) == (waiting, False)
        assert template.updated_at == NOW

    def test_sending_the_page_back_as_it_is(self, operator: Client, template: RecurringTask) -> None:
        RecurringTask.objects.update(template_description="two\nlines", ends_at=NOW.replace(microsecond=5))
        before = RecurringTask.objects.values().get()
        assert edit(operator, template) == {}
        after = RecurringTask.objects.values().get()
        assert before | {"updated_at": None} == after | {"updated_at": None}

    def test_resuming_a_finished_one_is_refused_with_the_reason(
        self, operator: Client, template: RecurringTask
    ) -> None:
        RecurringTask.objects.update(is_active=False, next_occurrence=None)
        url = url_of("change", template)
        answer = operator.post(url, opened(operator, url) | {"is_active": "on"}, follow=True)
        assert "The template is finished" in answer.content.decode()
        template.refresh_from_db()
        assert not template.is_active

    def test_refused_by_name(self, operator: Client, alice: User) -> None:
        page = opened(operator, url_of("add", RecurringTask)) | {"user": [str(alice.pk)]}
        told = [refusals(RecurringTask(), page, NEW | changes) for changes, _ in REFUSED]
        assert [list(errors) for errors in told] == [[field] for _, field in REFUSED]

    def test_refused_on_the_page(self, operator: Client, alice: User) -> None:
        assert list(add(operator, alice, timezone="Mars/Olympus")) == ["timezone"]
        assert not RecurringTask.objects.exists()

    def test_only_its_users_tags(
        self, operator: Client, template: RecurringTask, alice: User, bob: User
    ) -> None:
        mine, his = Tag.objects.create(user=alice, name="mine"), Tag.objects.create(user=bob, name="his")
        assert list(edit(operator, template, tags=[str(his.pk)])) == ["tags"]
        assert edit(operator, template, tags=[str(mine.pk)], user=str(bob.pk)) == {}
        assert list(template.tags.all()) == [mine]
        assert RecurringTask.objects.get().user == alice


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("several", [False, True])
def test_deleting_changes_its_tasks(
    operator: Client, template: RecurringTask, alice: User, several: bool
) -> None:
    task = create_task(alice, title="made of it", recurring_task=template, occurrence_at=NOW)
    SeriesSlot.objects.create(user=alice, recurring_task=template, slot_at=NOW, outcome="done")
    with recorded() as found:
        if several:
            act(operator, "delete_selected", [template], post="yes")
        else:
            operator.post(url_of("delete", template), {"post": "yes"})
    assert not RecurringTask.objects.exists()
    assert not SeriesSlot.objects.exists()
    assert found.types == [("task.updated", task.pk)]
    assert "recurring_task_id" in found.synced[0][1]


class TestSlots:
    @pytest.fixture
    def slot(self, template: RecurringTask, alice: User) -> SeriesSlot:
        return SeriesSlot.objects.create(user=alice, recurring_task=template, slot_at=NOW, outcome="missed")

    def test_looked_at_only(self, operator: Client, slot: SeriesSlot) -> None:
        assert shown(operator, SeriesSlot, q="water") == [slot]
        assert operator.get(url_of("change", slot)).status_code == 200
        for page, row in [("add", SeriesSlot), ("change", slot), ("delete", slot)]:
            assert operator.post(url_of(page, row), {"post": "yes"}).status_code == 403
        act(operator, "delete_selected", [slot], post="yes")
        assert SeriesSlot.objects.get() == slot

    def test_it_goes_with_its_user(self, operator: Client, slot: SeriesSlot, alice: User) -> None:
        assert operator.post(url_of("delete", alice), {"post": "yes"}).status_code == 302
        erase_closed_accounts()
        assert not SeriesSlot.objects.exists()


@pytest.mark.parametrize("model", [RecurringTask, SeriesSlot])
def test_a_list_asks_the_same_for_3_and_for_30(operator: Client, model: Any) -> None:
    asked = []
    for number in (3, 30):
        for n in range(number):
            user = User.objects.create(email=f"person{n}-{number}@example.test")
            template = RecurringTask.objects.create(
                user=user,
                template_title="x",
                recurrence_pattern="daily",
                starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001
            )
            SeriesSlot.objects.create(user=user, recurring_task=template, slot_at=NOW, outcome="done")
        operator.get(url_of("changelist", model))
        with CaptureQueriesContext(connection) as queries:
            assert operator.get(url_of("changelist", model)).status_code == 200
        asked.append(len(queries))
    assert asked[0] == asked[1]


class TestActions:
    def test_generate_pause_resume(self, operator: Client, template: RecurringTask) -> None:
        RecurringTask.objects.update(next_occurrence=datetime(2030, 6, 2, 7, tzinfo=UTC))
        act(operator, "run", [template])
        act(operator, "pause", [template])
        template.refresh_from_db()
        assert [task.occurrence_at for task in Task.objects.all()] == [NOW]
        assert template.is_active is False
        act(operator, "resume", [template])
        template.refresh_from_db()
        assert template.is_active is True
        assert LogEntry.objects.filter(object_id=str(template.pk)).count() == 3

    def test_a_finished_one_is_not_resumed(self, operator: Client, template: RecurringTask) -> None:
        RecurringTask.objects.update(is_active=False)
        assert "The template is finished" in act(operator, "resume", [template])
        template.refresh_from_db()
        assert template.is_active is False


def test_the_page_shows_the_rule_and_the_next_five(operator: Client, template: RecurringTask) -> None:
    RecurringTask.objects.update(failure="RuleError: no such rule", failed_at=NOW)
    page = operator.get(url_of("change", template)).content.decode()
    assert "every day at 09:00, Europe/Berlin" in page
    assert "Sunday, 2 June 2030, 09:00 UTC+02:00" in page
    assert "Thursday, 6 June 2030, 09:00 UTC+02:00" in page
    assert "RuleError: no such rule" in page
    assert shown(operator, RecurringTask, failed_at__isempty="0") == [template]


def test_add_an_rrule(operator: Client, alice: User) -> None:
    assert add(operator, alice, recurrence_pattern="custom", rrule="FREQ=WEEKLY;BYDAY=MO") == {}
    template = RecurringTask.objects.get()
    assert (template.rrule, template.cron_expression) == ("FREQ=WEEKLY;BYDAY=MO", None)
    assert template.next_occurrence == datetime(2030, 6, 3, 7, tzinfo=UTC)
