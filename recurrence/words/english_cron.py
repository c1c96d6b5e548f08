"""Cron rules in plain English: "on the 1st of each month at 09:00", "every Monday, every 15 minutes"."""

from recurrence.cron_syntax import Cron
from recurrence.words.english_parts import listed, month_days, month_names, spans, weekday_names

WORKING_DAYS = frozenset({1, 2, 3, 4, 5})
MOST_TIMES_LISTED = 6


def describe_cron(cron: Cron) -> str:
    return f"{_days(cron)}{_times(cron)}"


def _days(cron: Cron) -> str:
    every_date, every_weekday = len(cron.days) == 31, len(cron.weekdays) == 7
    month = month_names(cron.months) if len(cron.months) < 12 else ""
    if every_date if cron.both_days else every_date or every_weekday:
        weekdays = _weekdays(cron) if cron.both_days else "every day"
        return f"{weekdays} in {month}" if month else weekdays
    dates = f"the {month_days(cron.days)}"
    if not cron.both_days:
        where = f"in {month}, on {dates}" if month else f"on {dates} of each month"
        return f"{where} and {_weekdays(cron)}"
    only = "" if every_weekday else f" (only if it is {listed((f'a {name}' for name in _names(cron)), 'or')})"
    return f"on {dates} of {month or 'each month'}{only}"


def _weekdays(cron: Cron) -> str:
    if len(cron.weekdays) == 7:
        return "every day"
    if cron.weekdays == WORKING_DAYS:
        return "every day from Monday to Friday"
    return f"every {listed(_names(cron))}"


def _names(cron: Cron) -> list[str]:
    return weekday_names((weekday - 1) % 7 for weekday in cron.weekdays)


def _times(cron: Cron) -> str:
    hours, minutes = sorted(cron.hours), sorted(cron.minutes)
    if len(hours) * len(minutes) <= MOST_TIMES_LISTED:
        return f" at {listed(f'{hour:02}:{minute:02}' for hour in hours for minute in minutes)}"
    if minutes == [0] and (step := _step(hours, 24)):
        return f", every {step} hours" if step > 1 else ", every hour"
    within = "" if len(hours) == 24 else f" of the hours {spans(hours)}"
    step = _step(minutes, 60)
    if step and step < 60:
        return f", every {step} minutes{within}" if step > 1 else f", every minute{within}"
    return f" at minute{'s' if len(minutes) > 1 else ''} {spans(minutes)}{within or ' of every hour'}"


def _step(numbers: list[int], end: int) -> int:
    """The step of 0, 15, 30, 45; 0 when there is none."""
    step = end // len(numbers)
    return step if numbers == list(range(0, end, step)) else 0
