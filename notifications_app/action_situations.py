"""What a link of a notification is for, as it is now: its reminder, its task, and what links have done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.utils import timezone

from accounts_app.models import User
from notifications_app.action_tokens import UNDO_OF, UNDONE_BY, Action, Grant, name_of
from notifications_app.models import Reminder, ReminderAction
from tasks_app.models import Task
from tasks_app.reminding import is_instant_of, is_silent

Outcome = ReminderAction.Outcome

UNDO_FOR = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a link is for, as it is now. `task` and `user` are None once they are erased.

    `records`: the first uses of the actions of the reminder. `changed`: whether this use changed the task.
    """

    grant: Grant
    user: User | None
    task: Task | None
    reminder: Reminder | None
    records: Sequence[ReminderAction]
    changed: bool = False

    @property
    def action(self) -> Action:
        """What the link is for; of an undo, what it undoes."""
        return UNDONE_BY.get(self.grant.action, self.grant.action)

    @property
    def is_undo(self) -> bool:
        return self.grant.action in UNDONE_BY

    @property
    def record(self) -> ReminderAction | None:
        """What the first use of the action did; None before it."""
        return next((record for record in self.records if record.action == name_of(self.action)), None)

    @property
    def obstacle(self) -> Outcome | None:
        """Why nothing can be done for this reminder any more; None if something can."""
        if self.user is None or not self.user.is_active:
            return Outcome.CLOSED
        if self.task is None or self.task.deleted_at is not None:
            return Outcome.DELETED
        if self.task.completed:
            return Outcome.COMPLETED
        if self.task.archived:
            return Outcome.ARCHIVED
        return None if self._still_has_reminder() else Outcome.MOVED

    def _still_has_reminder(self) -> bool:
        if self.task is None or self.reminder is None:
            return False
        # The end of a snooze is a reminder too, and a link of its notification may have snoozed it again.
        snoozes = {record.snoozed_until for record in self.records} - {None}
        return is_instant_of(self.task, self.reminder.reminder_at) or self.task.snoozed_until in snoozes

    @property
    def outcome(self) -> str:
        """What the action did, or why it did nothing and what it would do: a value for programs.

        `ready` (still to be done), an Outcome of the first use, `undone`, or `changed` (an undo that is not
        possible any more, because the task was changed).
        """
        if self.record is None:
            return self.obstacle or "ready"
        if self.record.undone_at is not None:
            return "undone"
        if self.is_undo:
            return "ready" if self._can_be_undone() else "changed"
        return self.record.outcome

    @property
    def undo(self) -> Grant | None:
        """What allows the user to undo it, for UNDO_FOR after it was done."""
        if self.record is None or not self._can_be_undone():
            return None
        until = (self.record.at + UNDO_FOR).replace(microsecond=0)
        grant = replace(self.grant, action=UNDO_OF[self.action], expires_at=until)
        return grant if until > timezone.now() else None

    def _can_be_undone(self) -> bool:
        """Whether the action was done, and the task still is as it left it."""
        record, task = self.record, self.task
        if record is None or record.outcome != Outcome.DONE or record.undone_at is not None:
            return False
        if task is None or task.deleted_at is not None or self.obstacle is Outcome.CLOSED:
            return False
        if record.completed_at is not None:
            return task.completed_at == record.completed_at
        return not is_silent(task) and task.snoozed_until == record.snoozed_until


def situation(grant: Grant, task: Task | None) -> Situation:
    """The situation of the link, whose task was loaded by the caller."""
    of_task = Reminder.objects.prefetch_related("actions").filter(pk=grant.reminder_id, task=task)
    reminder = of_task.first() if task else None
    return Situation(
        grant=grant,
        user=User.objects.filter(pk=grant.user_id).first(),
        task=task,
        reminder=reminder,
        records=list(reminder.actions.all()) if reminder else [],
    )
