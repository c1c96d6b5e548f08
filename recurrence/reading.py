"""What a rule says: a name, a cron expression or parts of RFC 5545; and the period that it adds, if any.

It imports nothing of the project but the readers of each kind, periods and errors.
"""

from functools import lru_cache

from recurrence.cron_syntax import Cron, parse_cron
from recurrence.errors import RuleError
from recurrence.periods import Period
from recurrence.rrule_syntax import RRule, parse_rrule

NAMED_RULES = ("daily", "weekly", "monthly", "weekdays")
CRON = "cron:"
RRULE = "rrule:"
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
