"""Links that are used at the same moment, or by a process that dies: real transactions, real threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db.models.signals import post_save

from accounts_app.models import User
from events_app.models import OutboxEvent
from notifications_app.action_situations import Situation
from notifications_app.action_tokens import Action, Grant
from notifications_app.actions import use
from notifications_app.models import Reminder, ReminderAction
from notifications_app.scan import scan_reminders
from tasks_app.models import Task
from tests.notifications_app.conftest import task_due
from tests.notifications_app.test_two_workers import at_once

pytestmark = pytest.mark.django_db(transaction=True)


class KilledError(BaseException):
    """kill -9, as far as our code can tell: nothing after it runs."""


def grant_to(user: User, action: Action) -> Grant:
    task = task_due(user)
    scan_reminders()
    return Grant.of(Reminder.objects.select_related("task").get(task=task)).to(action)


def completions_of(grant: Grant) -> int:
    return OutboxEvent.objects.filter(type="task.completed", subject=str(grant.task_id)).count()


def test_of_several_uses_at_once_one_changes_the_task(alice: User) -> None:
    for _ in range(5):
        grant = grant_to(alice, Action.COMPLETE)
        answers: list[Situation] = at_once(*[lambda grant=grant: use(grant)] * 4)
        assert sorted(answer.changed for answer in answers) == [False, False, False, True]
        assert {answer.outcome for answer in answers} == {"done"}
        assert completions_of(grant) == 1


def test_two_actions_at_once_come_one_after_the_other(alice: User) -> None:
    for _ in range(5):
        complete = grant_to(alice, Action.COMPLETE)
        snooze = complete.to(Action.SNOOZE_1_HOUR)
        completed, snoozed = at_once(lambda grant=complete: use(grant), lambda grant=snooze: use(grant))
        assert completed.changed
        task = Task.objects.get(pk=complete.task_id)
        assert task.completed
        assert (snoozed.outcome, task.snoozed_until is None) in [("done", False), ("completed", True)]


def test_of_several_undos_at_once_one_changes_the_task(alice: User) -> None:
    grant = use(grant_to(alice, Action.COMPLETE)).undo
    assert grant
    answers: list[Situation] = at_once(*[lambda: use(grant)] * 4)
    assert sorted(answer.changed for answer in answers) == [False, False, False, True]
    assert {answer.outcome for answer in answers} == {"undone"}


@contextmanager
def dying_before_the_commit() -> Iterator[None]:
    def die(**_: Any) -> None:
        raise KilledError

    post_save.connect(die, sender=ReminderAction)
    try:
        yield
    finally:
        post_save.disconnect(die, sender=ReminderAction)


@pytest.mark.parametrize("action", [Action.COMPLETE, Action.SNOOZE_10_MINUTES])
def test_a_process_killed_before_the_commit_leaves_nothing_and_the_next_use_does_it(
    alice: User, action: Action
) -> None:
    grant = grant_to(alice, action)
    events = OutboxEvent.objects.count()
    with dying_before_the_commit(), pytest.raises(KilledError):
        use(grant)
    task = Task.objects.get()
    assert (task.completed, task.snoozed_until, OutboxEvent.objects.count()) == (False, None, events)
    assert use(grant).changed
    assert not use(grant).changed


def test_a_process_killed_within_an_undo_leaves_what_was_done(alice: User) -> None:
    undo = use(grant_to(alice, Action.COMPLETE)).undo
    assert undo
    with dying_before_the_commit(), pytest.raises(KilledError):
        use(undo)
    assert Task.objects.get().completed
    assert use(undo).changed
    assert not Task.objects.get().completed
