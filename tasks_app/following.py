"""`apply_to: "following"`: a change of one occurrence that holds for all that follow too.

It is written as columns of the task, from which the rest is derived (tasks_app/series.py): `series_id` null
begins a series with this task; `anchor_local` null as well says that the rule was sent, and keeps its COUNT
as written. `task` is the task with the change, `before` the row as it is, `sent` the names of the fields that
the request is about.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from rest_framework.serializers import ValidationError

from http_app.errors import Conflict
from recurrence.rules import CRON, RuleError, Series
from tasks_app.series import anchor_of, measured_distance, slot_at

WITH_ITS_RULE: dict[str, Any] = {"series_id": None, "anchor_local": None}


def may_leave_series(body: Mapping[str, Any]) -> bool:
    """Whether a request with this body may begin a series, and so end the one that the task is in."""
    return body.get("apply_to") == "following" or bool(body.get("recurrence_rule"))


def begin_with_rule(task: Any, before: Any, sent: Collection[str]) -> dict[str, Any]:
    """A request that sets a rule begins its series at the due time that it leaves, if only the same rule."""
    sets_rule = "recurrence_rule" in sent and task.recurrence_rule is not None
    return WITH_ITS_RULE if sets_rule and task.due_at != before.due_at else {}


def follow_on(task: Any, before: Any, sent: Collection[str]) -> dict[str, Any]:
    """The columns of a change of this occurrence and all that follow.

    Raises Conflict (not_open), and ValidationError: needs_rule, nothing_to_apply or not_in_rule.
    """
    if before.completed:
        raise Conflict("A completed task has nothing that follows. Change the open one instead.", "not_open")
    if task.recurrence_rule is None:
        raise no_series()
    if not {"due_at", "reminder_at"} & set(sent):
        message = "Send a due_at or a reminder_at with it: nothing else is applied to what follows."
        raise ValidationError({"apply_to": [message]}, code="nothing_to_apply")
    if "due_at" not in sent:
        return {"reminder_distance": measured_distance(task)}
    if task.due_at is None:
        return {"series_has_due": False}
    _check_in_rule(task, before)
    return WITH_ITS_RULE if "recurrence_rule" in sent else {"series_id": None}


def no_series() -> ValidationError:
    message = "Only a task with a recurrence_rule has others that follow."
    return ValidationError({"apply_to": [message]}, code="needs_rule")


def end_lines(tasks: Iterable[Any]) -> None:
    """Make these open occurrences the last ones of the series that another one has left."""
    for task in tasks:
        end = task.recurrence_end
        task.recurrence_end = task.occurrence_at if end is None else min(end, task.occurrence_at)


def _check_in_rule(task: Any, before: Any) -> None:
    stands = (task.due_at, task.due_date is not None, task.recurrence_rule)
    if stands == (before.occurrence_at, bool(before.series_all_day), before.recurrence_rule):
        return
    if task.due_date is not None and task.recurrence_rule.startswith(CRON):
        return  # tasks_app/validity.py says what is wrong with it
    try:
        anchor = anchor_of(task, before)
        all_day = task.due_date is not None
        series = Series(rule=task.recurrence_rule, timezone=task.timezone, anchor=anchor, all_day=all_day)
        matches = series.next_after(None) == slot_at(anchor, task.timezone, all_day=all_day)
    except RuleError:  # tasks_app/validity.py says what is wrong with it
        return
    if not matches:
        message = "The rule does not have this day and time: send a recurrence_rule that does with it."
        name = "due_at" if task.due_date is None else "due_date"
        raise ValidationError({name: [message]}, code="not_in_rule")
