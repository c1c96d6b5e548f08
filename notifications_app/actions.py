"""The actions of a notification: complete the task, or snooze it, and undo that.

The first use of an action of a reminder is recorded with what it did, under the lock of the task. A later use
(a double click, a service worker that sends it again, also after the task was reopened) changes nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from accounts_app.models import User
from notifications_app.action_situations import Situation, situation
from notifications_app.action_tokens import UNDO_OF, Action, Grant, name_of, urls_of
from notifications_app.metrics import ACTIONS
from notifications_app.models import Reminder, ReminderAction
from recurrence.rules import instant_of, local_of
from tasks_app.models import Task
from tasks_app.services import complete_task, end_snooze, reopen_task, snooze_task

log = structlog.get_logger(__name__)

Outcome = ReminderAction.Outcome
_LINKS = {name_of(action): action for action in (Action.OPEN, *UNDO_OF)}


def links(reminder: Reminder) -> dict[str, str]:
    """The absolute links of a notification, valid for a week; each is for one action.

    `open` (a page with a button for each action), `complete`, `snooze_10_minutes`, `snooze_1_hour` and
    `snooze_tomorrow`. Reads the reminder's task.
    """
    return dict(zip(_LINKS, urls_of(Grant.of(reminder), _LINKS.values()), strict=True))


def look(grant: Grant) -> Situation:
    """The situation of the link. Changes nothing."""
    return situation(grant, Task.objects.filter(pk=grant.task_id, user=grant.user_id).first())


@transaction.atomic
def use(grant: Grant) -> Situation:
    """Do what the link is for (not OPEN), unless it was done before or an obstacle is in the way."""
    now = timezone.now()
    found = situation(grant, Task.objects.filter(pk=grant.task_id, user=grant.user_id).locked().first())
    if found.is_undo:
        return _undo(found, now)
    if found.reminder is None or found.record is not None:
        return found
    record = ReminderAction(reminder=found.reminder, action=name_of(grant.action), at=now)
    record.outcome = found.obstacle or Outcome.DONE
    if record.outcome == Outcome.DONE:
        _do(found, record)
    record.save()
    log.info("reminder_action", task_id=grant.task_id, action=record.action, outcome=record.outcome)
    ACTIONS.labels(record.action, record.outcome).inc()
    return replace(found, records=[*found.records, record], changed=record.outcome == Outcome.DONE)


def _do(found: Situation, record: ReminderAction) -> None:
    """Change the task, and write down what was changed."""
    assert found.task
    if found.action is Action.COMPLETE:
        record.completed_at = complete_task(found.task).completed_at
    else:
        record.snoozed_before = found.task.snoozed_until
        record.snoozed_until = _end_of_snooze(found, record.at)
        snooze_task(found.task, until=record.snoozed_until)


def _end_of_snooze(found: Situation, now: datetime) -> datetime:
    if found.action is Action.SNOOZE_10_MINUTES:
        return now + timedelta(minutes=10)
    if found.action is Action.SNOOZE_1_HOUR:
        return now + timedelta(hours=1)
    assert found.user
    return tomorrow_morning(found.user, now)


def tomorrow_morning(user: User, now: datetime) -> datetime:
    """The start of the user's next day (`day_starts_at`), in the user's zone."""
    today = local_of(now, user.timezone).date()
    mornings = (datetime.combine(today + timedelta(days=days), user.day_starts_at) for days in (1, 2))
    # The zone may not have that day (Apia, 30 December 2011).
    return next(at for morning in mornings if (at := instant_of(morning, user.timezone)))


def _undo(found: Situation, now: datetime) -> Situation:
    record, task = found.record, found.task
    if record is None or task is None or found.outcome != "ready":
        return found
    if found.action is Action.COMPLETE:
        reopen_task(task)
    else:
        end_snooze(task, back_to=record.snoozed_before)
    record.undone_at = now
    record.save(update_fields=["undone_at"])
    log.info("reminder_action_undone", task_id=task.pk, action=record.action)
    return replace(found, changed=True)
