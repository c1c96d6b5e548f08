"""Rules about several fields of a template. The limits of a single field are with the field."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ValidationError

from recurrence.rules import RuleError, Series, check_rule
from tasks_app.validity import title_errors

RHYTHM = frozenset({"recurrence_pattern", "cron_expression", "rrule", "timezone", "starts_at", "ends_at"})
"""The fields that say when a template recurs."""
CHECKED = RHYTHM | {"template_title"}
"""The fields whose stored values are not checked again."""


class CheckedTemplate(Protocol):
    template_title: str
    recurrence_pattern: str
    cron_expression: str | None
    rrule: str | None
    timezone: str
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime
    due_after_minutes: int | None
    reminder_offsets: list[int]

    @property
    def rule(self) -> str: ...


def check_template(template: CheckedTemplate, changed: Collection[str]) -> None:
    """Check what changed; a title or rhythm that was accepted before is not checked again.

    `changed` are names of fields. Raises ValidationError, by field.
    """
    errors = _reminder_errors(template)
    if "template_title" in changed:
        errors |= title_errors(template.template_title, "template_title")
    if RHYTHM & set(changed):
        errors |= _pattern_errors(template) or _rule_errors(template) or _end_errors(template)
    if errors:
        raise ValidationError(errors)


def _reminder_errors(template: CheckedTemplate) -> dict[str, ValidationError]:
    if template.reminder_offsets and template.due_after_minutes is None:
        message = "Offsets are minutes before the due time, so the template needs due_after_minutes."
        return {"reminder_offsets": ValidationError(message, code="needs_due_at")}
    return {}


def _pattern_errors(template: CheckedTemplate) -> dict[str, ValidationError]:
    given = [name for name in ("cron_expression", "rrule") if getattr(template, name) is not None]
    if template.recurrence_pattern != "custom":
        message = "Only the pattern custom has a rule of its own: set this to null, or choose custom."
        return {name: ValidationError(message, code="conflict") for name in given}
    if not given:
        message = "The pattern custom needs cron_expression or rrule."
        return {"cron_expression": ValidationError(message, code="required")}
    if len(given) == 2:
        message = "Send cron_expression or rrule, not both."
        return {"rrule": ValidationError(message, code="conflict")}
    return {}


def _rule_errors(template: CheckedTemplate) -> dict[str, ValidationError]:
    try:
        check_rule(template.rule, timezone=template.timezone, shortest_interval=settings.SHORTEST_RECURRENCE)
    except RuleError as error:
        name = "timezone" if error.code == "bad_timezone" else _rule_field(template)
        return {name: ValidationError(str(error), code=error.code)}
    return {}


def _rule_field(template: CheckedTemplate) -> str:
    if template.recurrence_pattern != "custom":
        return "recurrence_pattern"
    return "cron_expression" if template.rrule is None else "rrule"


def _end_errors(template: CheckedTemplate) -> dict[str, ValidationError]:
    if template.starts_at is None:  # refused by its own field
        return {}
    first = Series(rule=template.rule, timezone=template.timezone, anchor=template.starts_at).next_after(None)
    if first is None:
        message = "From starts_at on no day has what the rule asks for; change one of them."
        return {_rule_field(template): ValidationError(message, code="no_occurrence")}
    if template.ends_at is not None and template.ends_at < first:
        message = "The end must not be before the first occurrence."
        return {"ends_at": ValidationError(message, code="ends_before_first")}
    if template.ends_at is not None and template.ends_at <= template.created_at:
        message = "The end must be after the creation of the template."
        return {"ends_at": ValidationError(message, code="past")}
    return {}
