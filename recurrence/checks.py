"""Whether a rule may be set, in its zone and mode. The first fault answers, with its code."""

from datetime import timedelta
from functools import lru_cache
from typing import Literal, get_args

from recurrence import cron_days, rrule_days
from recurrence.cron_syntax import Cron
from recurrence.errors import RuleError
from recurrence.reading import CRON, RRULE, period_of, read_rule
from recurrence.rrule_syntax import RRule
from recurrence.wall_clock import MINUTE
from recurrence.zones import zone

Mode = Literal["fixed", "after_completion"]

LONGEST_RULE = 100
LONGEST_RRULE = 255
SHORTEST_INTERVAL = timedelta(minutes=5)


def check_rule(
    rule: str,
    *,
    timezone: str,
    mode: str = "fixed",
    all_day: bool = False,
    shortest_interval: timedelta = SHORTEST_INTERVAL,
) -> None:
    """Accept what a user may set, or raise RuleError with the code of the first fault.

    The rule is checked first, then the zone, then the mode, then whether an all-day series may have the rule.
    shortest_interval (at most a day) is for cron rules and by the wall clock: where clocks change, two slots
    may come closer.
    """
    longest = LONGEST_RRULE if rule.startswith(RRULE) else LONGEST_RULE
    if len(rule) > longest:
        raise RuleError("too_long", f"The rule has {len(rule)} characters; at most {longest} fit.")
    fault = _fault(rule, shortest_interval)
    if fault is not None:
        raise RuleError(fault.code, fault.message)
    zone(timezone)
    if mode not in get_args(Mode):
        raise RuleError("mode_not_allowed", f"The mode is one of {', '.join(get_args(Mode))}.")
    if mode == "after_completion":
        period_of(rule)
    if all_day and rule.startswith(CRON):
        right = "use a named rule or rrule:, or give the task a due time."
        raise RuleError(
            "needs_a_time", f"An all-day series has days without times, and cron has times; {right}"
        )


@lru_cache(maxsize=4096)
def _fault(rule: str, shortest_interval: timedelta) -> RuleError | None:
    """What is wrong with a rule of its own; remembered, as most rules are checked many times."""
    try:
        match read_rule(rule):
            case Cron() as cron:
                if not cron_days.ever_matches(cron):
                    raise RuleError(
                        "never_matches", "No date has this day, month and weekday; choose ones that meet."
                    )
                if cron_days.is_denser_than(cron, shortest_interval):
                    right = f"leave at least {shortest_interval / MINUTE:g} minutes in between."
                    raise RuleError("too_frequent", f"The rule recurs too often; {right}")
            case RRule() as rrule:
                if not rrule_days.ever_matches(rrule):
                    raise RuleError("never_matches", "No date has all that the rule asks for; remove a part.")
    except RuleError as error:
        return error
    return None
