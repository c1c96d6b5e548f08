"""Rules in plain English: "every second Friday at 17:00", "on the last working day of each month"."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from recurrence.cron_syntax import Cron
from recurrence.rrule_syntax import RRule
from recurrence.words.english_cron import describe_cron
from recurrence.words.english_parts import (
    WEEKDAYS,
    each,
    listed,
    month_days,
    month_names,
    nth,
    ordinal,
    ordinals,
    weekday_names,
)

WORKING_DAYS = frozenset(range(5))
# A set of weekdays that a position picks from, by the name of one of them.
_KINDS_OF_DAY = {WORKING_DAYS: "working day", frozenset({5, 6}): "weekend day", frozenset(range(7)): "day"}


def in_zone(text: str, timezone: str) -> str:
    return f"{text}, {timezone}"


def describe(rule: Cron | RRule | str, anchor: datetime, *, all_day: bool) -> str:
    """A rule as read, without its zone; what it does not name comes from the anchor."""
    if isinstance(rule, Cron):
        return describe_cron(rule)
    days = _rrule(rule.from_anchor(anchor)) if isinstance(rule, RRule) else _named(rule, anchor)
    time = "" if all_day else f" at {anchor:%H:%M}"
    return f"{days}{time}{_times(rule.count if isinstance(rule, RRule) else None)}"


def _times(count: int | None) -> str:
    if count is None:
        return ""
    return ", once" if count == 1 else f", {count} times"


def _named(rule: str, anchor: datetime) -> str:
    match rule:
        case "daily":
            return "every day"
        case "weekly":
            return f"every {WEEKDAYS[anchor.weekday()]}"
        case "weekdays":
            return every_weekday(WORKING_DAYS)
        case _:
            or_last = " (or its last day)" if anchor.day > 28 else ""
            return f"on the {nth(anchor.day)} of each month{or_last}"


def _rrule(rule: RRule) -> str:
    match rule.freq:
        case "DAILY":
            return _daily(rule)
        case "WEEKLY":
            return _weekly(rule)
        case "MONTHLY":
            return f"{_days(rule)} of {_months(rule)}{_condition(rule)}"
        case _:
            return _yearly(rule)


def _daily(rule: RRule) -> str:
    if rule.interval == 1 and rule.month_days:
        return f"on the {month_days(rule.month_days)} of {_months(rule)}{_only_if(rule.weekdays)}"
    if rule.interval == 1 and rule.weekdays:
        return f"{every_weekday(rule.weekdays)}{_in_months(rule)}"
    only = f" (only if it is the {month_days(rule.month_days, 'or')})" if rule.month_days else ""
    return f"{each('day', rule.interval)}{_in_months(rule)}{only}{_only_if(rule.weekdays)}"


def _weekly(rule: RRule) -> str:
    weekdays = rule.weekdays
    if rule.positions:
        days = f"on {_picked(rule, weekday_names(weekdays), weekdays)} of {each('week', rule.interval)}"
    elif rule.interval == 1:
        days = every_weekday(weekdays)
    elif len(weekdays) == 1:
        days = each(WEEKDAYS[min(weekdays)], rule.interval)
    else:
        on = "from Monday to Friday" if weekdays == WORKING_DAYS else f"on {listed(weekday_names(weekdays))}"
        days = f"{each('week', rule.interval)} {on}"
    starts = rule.week_start != 0 and (rule.interval > 1 or rule.positions)
    week = f" (weeks start on {WEEKDAYS[rule.week_start]})" if starts else ""
    return f"{days}{_in_months(rule)}{week}"


def every_weekday(weekdays: frozenset[int]) -> str:
    if len(weekdays) == 7:
        return "every day"
    return (
        "every day from Monday to Friday"
        if weekdays == WORKING_DAYS
        else f"every {listed(weekday_names(weekdays))}"
    )


def _in_months(rule: RRule) -> str:
    return f" in {month_names(rule.months)}" if rule.months else ""


def _months(rule: RRule) -> str:
    if rule.interval == 1:
        return month_names(rule.months) if rule.months else "each month"
    only = f" (only in {month_names(rule.months)})" if rule.months else ""
    return f"{each('month', rule.interval)}{only}"


def _yearly(rule: RRule) -> str:
    days, year = _days(rule), each("year", rule.interval)
    if rule.positions:
        counted = f" (counted in {month_names(rule.months)})" if rule.months else ""
        return f"{days} of {year}{counted}"
    if not rule.months and rule.interval == 1:
        return f"{days} of each month{_condition(rule)}"
    return f"{days} of {month_names(rule.months) if rule.months else 'each month'} {year}{_condition(rule)}"


def _days(rule: RRule) -> str:
    """The days of a month, or of a year that positions pick from."""
    if rule.month_days:
        days = [f"the {month_days(rule.month_days)}"]
        return f"on {_picked(rule, days, frozenset()) if rule.positions else days[0]}"
    days = _weekdays_of_month(rule)
    if rule.positions:
        return f"on {_picked(rule, days, frozenset() if rule.numbered else rule.weekdays)}"
    return listed(days) if rule.weekdays else f"on {listed(days)}"


def _weekdays_of_month(rule: RRule) -> list[str]:
    """every Monday, the third Wednesday."""
    named = [every_weekday(rule.weekdays)] if rule.weekdays else []
    for weekday in sorted({weekday for _, weekday in rule.numbered}):
        numbers = (number for number, day in rule.numbered if day == weekday)
        named.append(f"the {ordinals(numbers)} {WEEKDAYS[weekday]}")
    return named


def _condition(rule: RRule) -> str:
    """BYDAY beside BYMONTHDAY: both must hold."""
    if not rule.month_days:
        return ""
    numbered = [f"the {ordinal(number)} {WEEKDAYS[weekday]}" for number, weekday in sorted(rule.numbered)]
    return _only_if(rule.weekdays, numbered)


def _only_if(weekdays: frozenset[int], others: Sequence[str] = ()) -> str:
    names = [*(f"a {name}" for name in weekday_names(weekdays)), *others]
    return f" (only if it is {listed(names, 'or')})" if names else ""


def _picked(rule: RRule, days: Iterable[str], weekdays: frozenset[int]) -> str:
    """the last working day; the first and last of the 1st and 15th."""
    if weekdays in _KINDS_OF_DAY:
        return f"the {ordinals(rule.positions)} {_KINDS_OF_DAY[weekdays]}"
    if len(weekdays) == 1:
        return f"the {ordinals(rule.positions)} {WEEKDAYS[min(weekdays)]}"
    return f"the {ordinals(rule.positions)} of {listed(days)}"
