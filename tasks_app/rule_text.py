"""The rule of a task in words."""

from datetime import datetime

from recurrence.rules import RuleError, describe


def text_of_rule(
    rule: str | None, anchor: datetime | None, timezone: str, *, all_day: bool | None = None
) -> str | None:
    """The rule of a series in plain English; None without a series."""
    if rule is None or anchor is None:
        return None
    try:
        return describe(rule, anchor=anchor, timezone=timezone, all_day=bool(all_day))
    except RuleError:  # it was accepted by an earlier version
        return rule
