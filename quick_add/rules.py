"""The text of a recurrence, and its first day."""

from calendar import monthrange
from dataclasses import replace
from datetime import date, datetime, time

from quick_add.parts import Rule
from quick_add.vocabulary import WORKING_DAYS
from recurrence.rules import RuleError, Series, check_rule

_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def rule_text(rule: Rule) -> str:
    """A named rule where that says it, else `rrule:` with its parts in one order."""
    if rule.interval == 1 and (name := _name(rule)):
        return name
    return _rrule(rule)


def _name(rule: Rule) -> str | None:
    if rule.freq == "DAILY" or (rule.freq == "WEEKLY" and len(rule.weekdays) == 7):
        return "daily"
    if rule.freq == "WEEKLY":
        if rule.weekdays == WORKING_DAYS:
            return "weekdays"
        return "weekly" if len(rule.weekdays) < 2 else None
    is_a_day = not rule.weekdays and rule.month_day != -1
    return "monthly" if rule.freq == "MONTHLY" and is_a_day else None


def _rrule(rule: Rule) -> str:
    number = "" if rule.number is None else str(rule.number)
    parts = {
        "FREQ": rule.freq,
        "INTERVAL": "" if rule.interval == 1 else str(rule.interval),
        "BYMONTH": "" if rule.month is None else str(rule.month),
        "BYMONTHDAY": "" if rule.month_day is None else str(rule.month_day),
        "BYDAY": ",".join(number + _CODES[weekday] for weekday in rule.weekdays),
        "BYSETPOS": "" if rule.position is None else str(rule.position),
    }
    return "rrule:" + ";".join(f"{name}={value}" for name, value in parts.items() if value)


def is_within_bounds(rule: Rule) -> bool:
    try:
        check_rule(rule_text(rule), timezone="UTC")
    except RuleError:
        return False
    return True


def first_day(rule: Rule, start: date) -> date | None:
    """The first day of a recurrence from a day on, included; None if none comes.

    Where the rule names no day it is that day itself. How many periods lie between its days plays no part.
    """
    if not rule.names_a_day or rule.freq == "DAILY":
        return start
    every = _rrule(replace(rule, interval=1))
    series = Series(rule=every, timezone="UTC", anchor=datetime.combine(start, time()), all_day=True)
    first = series.next_after(None)
    return None if first is None else first.date()


def is_clamped(rule: Rule, first: date) -> bool:
    """Whether a rule without a day would leave out periods that do not have the day on which it begins."""
    counts_months = rule.freq == "MONTHLY" and rule.interval > 1
    if rule.names_a_day or not (counts_months or rule.freq == "YEARLY"):
        return False
    return first.day > (28 if counts_months else monthrange(2001, first.month)[1])
