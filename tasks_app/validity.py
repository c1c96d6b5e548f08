"""Rules about several fields of a task. The limits of a single field are with the field."""

from datetime import datetime
from typing import Any, Protocol

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.timezone import now

from recurrence.rules import CRON, RuleError, Series, check_rule, zone
from tasks_app.all_day import due_at_of
from tasks_app.derived_fields import TaskFields
from tasks_app.series import anchor_of, begins_series, slot_at
from tasks_app.visible import disruptive_character, is_blank

# Where the codes of the recurrence engine belong; the rest are the rule's.
FIELD_OF_CODE = {"bad_timezone": "timezone", "mode_not_allowed": "recurrence_mode"}
RULE_FIELDS = {"recurrence_rule", *FIELD_OF_CODE.values()}


class CheckedTask(TaskFields, Protocol):
    """A task, unsaved or not, with the objects it refers to."""

    pk: Any
    parent_task: Any
    recurrence_end: datetime | None
    recurrence_mode: str


def check_task(
    task: CheckedTask, changed: set[str], before: TaskFields | None, *, past_is_accepted: bool = False
) -> None:
    """Check what changed; values that were accepted before are not checked again.

    The task has a zone, and its due_date and due_at agree. `changed` are column names, `before` is the row as
    it is, None for a new task. `past_is_accepted`: this is an import, whose reminders and end may have
    passed. Raises ValidationError, by field.
    """
    errors = _reminder_errors(task)
    if not past_is_accepted:
        errors |= _time_errors(task, changed)
    if "title" in changed:
        errors |= title_errors(task.title, "title")
    begins = begins_series(task, before)
    if changed & {"recurrence_rule", "recurrence_mode", "timezone"}:
        errors |= _rule_errors(task)
    if task.due_date is not None and not errors.keys() & RULE_FIELDS:
        errors |= _day_errors(task, begins=begins)
    if "recurrence_end" in changed and task.recurrence_end is not None and task.recurrence_rule is None:
        message = "Only a task with a recurrence_rule has an end: add a rule, or set this to null."
        errors["recurrence_end"] = ValidationError(message, code="needs_rule")
    if (begins or "recurrence_end" in changed) and not errors.keys() & {*RULE_FIELDS, "due_date"}:
        errors |= _first_errors(task, before, begins=begins)
    if changed & {"parent_task_id"}:
        errors |= _parent_errors(task)
    if errors:
        raise ValidationError(errors)


def title_errors(title: str, field: str) -> dict[str, ValidationError]:
    """What is wrong with the characters of a title, by the name of its field."""
    if disruptive := disruptive_character(title):
        message = f"Remove {disruptive}: it would change how what is around the title is shown."
        return {field: ValidationError(message, code="disruptive_character")}
    if title and is_blank(title):
        return {field: ValidationError("There is nothing to see in this title.", code="blank")}
    return {}


def _reminder_errors(task: CheckedTask) -> dict[str, ValidationError]:
    if not task.reminder_offsets:
        return {}
    if task.reminder_at is not None:
        message = "A task has reminder_at or reminder_offsets, not both: set the other to null or []."
        return {"reminder_offsets": ValidationError(message, code="conflict")}
    if task.due_at is None and task.due_date is None:
        message = "Offsets are minutes before due_at, so the task needs a due_at."
        return {"reminder_offsets": ValidationError(message, code="needs_due_at")}
    return {}


def _time_errors(task: CheckedTask, changed: set[str]) -> dict[str, ValidationError]:
    not_before = {"reminder_at": now(), "snoozed_until": now(), "recurrence_end": task.created_at}
    too_early = [
        name
        for name, earliest in not_before.items()
        if name in changed and (at := getattr(task, name)) is not None and at <= earliest
    ]
    messages = {"recurrence_end": "The end must be after the creation of the task."}
    past = "This time is in the past; it must be in the future."
    return {name: ValidationError(messages.get(name, past), code="past") for name in too_early}


def _day_errors(task: CheckedTask, *, begins: bool) -> dict[str, ValidationError]:
    if due_at_of(task) is None:
        message = f"{task.timezone} has no such date: its calendar leaves this day out."
        return {"due_date": ValidationError(message, code="no_such_date")}
    if begins and task.recurrence_rule is not None and task.recurrence_rule.startswith(CRON):
        message = "Cron has times: use a named rule or rrule: for days, or give the task a due_at."
        return {"recurrence_rule": ValidationError(message, code="needs_a_time")}
    return {}


def _rule_errors(task: CheckedTask) -> dict[str, ValidationError]:
    try:
        if task.recurrence_rule is None:
            zone(task.timezone)
        else:
            check_rule(
                task.recurrence_rule,
                timezone=task.timezone,
                mode=task.recurrence_mode,
                shortest_interval=settings.SHORTEST_RECURRENCE,
            )
    except RuleError as error:
        name = FIELD_OF_CODE.get(error.code, "recurrence_rule")
        return {name: ValidationError(str(error), code=error.code)}
    return {}


def _first_errors(
    task: CheckedTask, before: TaskFields | None, *, begins: bool
) -> dict[str, ValidationError]:
    """Whether the series has a first occurrence, and its end is not before that."""
    anchor = anchor_of(task, before) if begins else task.anchor_local
    if task.recurrence_rule is None or anchor is None:
        return {}
    all_day = task.due_date is not None if begins else bool(task.series_all_day)
    series = Series(rule=task.recurrence_rule, timezone=task.timezone, anchor=anchor, all_day=all_day)
    if begins and series.next_after(None) is None:
        message = "From this due time on no day has what the rule asks for; change one of them."
        return {"recurrence_rule": ValidationError(message, code="no_occurrence")}
    # The task itself is the first, whether the rule has its time or not.
    first = slot_at(anchor, task.timezone, all_day=all_day)
    if task.recurrence_end is not None and first is not None and task.recurrence_end < first:
        message = "The series would end before its first occurrence; choose a later end."
        return {"recurrence_end": ValidationError(message, code="ends_before_first")}
    return {}


def _parent_errors(task: CheckedTask) -> dict[str, ValidationError]:
    parent = task.parent_task
    if parent is not None and (parent.user_id != task.user_id or parent.pk == task.pk):
        message = "The head of a series must be another task of the same user."
        return {"parent_task": ValidationError(message, code="not_theirs")}
    return {}
