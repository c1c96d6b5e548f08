"""What a rule says: a name, a cron expression or parts of RFC 5545; and the period that it adds, if any.

It imports nothing of the project but the readers of each kind and errors.
"""

from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from recurrence.cron_syntax import Cron, parse_cron
from recurrence.errors import RuleError
from recurrence.rrule_syntax import Frequency, RRule, parse_rrule

NAMED_RULES = ("daily", "weekly", "monthly", "weekdays")
CRON = "cron:"
RRULE = "rrule:"


class Period(NamedTuple):
    """What after_completion adds to the day of completion."""

    unit: Frequency
    interval: int

    def after(self, day: date, number: int) -> date:
        """The day `number` periods later; in a month without it, the month's last: 31 January, 28 February.

        Raises OverflowError beyond the year 9999.
        """
        steps = number * self.interval
        if self.unit in ("DAILY", "WEEKLY"):
            return day + timedelta(days=steps * (7 if self.unit == "WEEKLY" else 1))
        months = steps * (12 if self.unit == "YEARLY" else 1)
        year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
        if year > date.max.year:
            raise OverflowError("The year is beyond 9999.")
        return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))


_PERIODS: dict[str, Period] = {
    "daily": Period("DAILY", 1),
    "weekly": Period("WEEKLY", 1),
    "monthly": Period("MONTHLY", 1),
}


@lru_cache(maxsize=4096)
def read_rule(rule: str) -> Cron | RRule | str:
    """Raises RuleError."""
    if rule in NAMED_RULES:
        return rule
    if rule.startswith(CRON):
        return parse_cron(rule.removeprefix(CRON))
    if rule.startswith(RRULE):
        return parse_rrule(rule.removeprefix(RRULE))
    if any("\ud800" <= character <= "\udfff" for character in rule):
        raise RuleError("not_ascii", "A rule is plain ASCII.")
    right = f"{', '.join(NAMED_RULES)}, {CRON} and five fields, or {RRULE} and parts such as FREQ=WEEKLY."
    raise RuleError("unknown_rule", f"The rule is one of {right}")


def period_of(rule: str) -> Period:
    """What after_completion adds. Raises RuleError (mode_not_allowed)."""
    if rule in _PERIODS:
        return _PERIODS[rule]
    read = read_rule(rule)
    if isinstance(read, RRule) and read.is_only_a_period:
        return Period(read.freq, read.interval)
    right = f"use daily, weekly, monthly or {RRULE} with FREQ, INTERVAL and WKST alone, or the mode fixed."
    raise RuleError(
        "mode_not_allowed", f"after_completion needs a period to add, and {rule} has none; {right}"
    )
