"""A repeated completion, however late, creates nothing that was erased since."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts_app.erasure import close_account
from accounts_app.models import User
from events_app.envelope import Event, from_row
from events_app.groups import concerns
from events_app.handling import handle
from events_app.models import OutboxEvent, ParkedEvent
from tasks_app.models import SeriesSlot, Task
from tasks_app.services import complete_task, create_task, reopen_task, trash_task, update_task

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 23, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def early_on_monday():
    with time_machine.travel(MONDAY - timedelta(hours=2), tick=False) as traveller:
        yield traveller


def recurring(user: User) -> Task:
    return create_task(user, title="water the plants", recurrence_rule="daily", due_at=MONDAY)


def completed(task: Task) -> Event:
    """The event of the completion, taken out of the outbox before any relay sees it."""
    complete_task(task)
    row = OutboxEvent.objects.get(type="task.completed", subject=str(task.pk))
    OutboxEvent.objects.all().delete()
    return from_row(row)


def tell(event: Event) -> None:
    handle("recurring", event)
    assert not ParkedEvent.objects.exists()


def test_an_erased_successor_stays_erased(alice: User) -> None:
    event = completed(task := recurring(alice))
    tell(event)
    Task.objects.get(generated_from=task).delete()
    tell(event)
    assert list(Task.objects.all()) == [task]


def test_also_when_the_completed_task_is_erased_too(alice: User) -> None:
    event = completed(recurring(alice))
    tell(event)
    Task.objects.all().delete()
    tell(event)
    assert not Task.objects.exists()


def test_a_series_that_ended_since_is_not_revived(alice: User) -> None:
    """First for an erased task whose slot was taken; the task in the slot is gone at the repetition."""
    first = recurring(alice)
    event = completed(first)
    taker = create_task(alice, title="it", due_at=MONDAY, recurrence_rule="daily")
    update_task(taker, series_id=first.series_id, occurrence_at=MONDAY + timedelta(days=1))
    first.delete()
    tell(event)
    assert list(Task.objects.all()) == [taker]
    Task.objects.all().delete()
    tell(event)
    assert not Task.objects.exists()


def test_completing_anew_is_another_completion(alice: User, early_on_monday) -> None:
    first = completed(task := recurring(alice))
    tell(first)
    Task.objects.get(generated_from=task).delete()
    early_on_monday.shift(60)
    reopen_task(task)
    early_on_monday.shift(60)
    again = completed(task)
    tell(again)
    assert Task.objects.filter(generated_from=task).count() == 1
    Task.objects.get(generated_from=task).delete()
    for event in (first, again, first):
        tell(event)
    assert list(Task.objects.all()) == [task]


def test_each_slot_is_remembered_with_when_it_was_done(alice: User) -> None:
    event = completed(task := recurring(alice))
    tell(event)
    slot = SeriesSlot.objects.get()
    assert (slot.user, slot.series_id, slot.slot_at) == (alice, task.series_id, MONDAY)
    assert (slot.outcome, slot.recorded_at) == ("done", task.completed_at)


def test_a_trashed_successor_stays_in_the_trash(alice: User) -> None:
    event = completed(task := recurring(alice))
    tell(event)
    trash_task(Task.objects.locked().get(generated_from=task))
    tell(event)
    assert Task.objects.count() == 2


def test_a_closed_account_gets_no_occurrence(alice: User) -> None:
    """Its erasure deletes the slots that record completions; a repetition would have its effect again."""
    event = completed(task := recurring(alice))
    close_account(alice)
    tell(event)
    assert list(Task.objects.all()) == [task]


def test_only_the_completion_of_a_series_concerns_the_group(alice: User) -> None:
    assert concerns("recurring", completed(recurring(alice)))
    assert not concerns("recurring", completed(create_task(alice, title="once", due_at=MONDAY)))
