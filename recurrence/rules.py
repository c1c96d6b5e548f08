"""When a series recurs: pure calendar arithmetic from a rule, an anchor and a zone.

A rule is `daily`, `weekly`, `monthly`, `weekdays`, `cron:` with five fields or `rrule:` with parts of RFC
5545. An anchor is a local date and time without a zone: slots are computed from it, never from one another,
so nothing drifts. Answers are UTC, on a whole minute. Nothing here reads a clock.

This is the one door to the modules behind it:

    checks, series        whether a rule may be set; what comes next, was missed, follows a completion
    local_times           the instant of a local time or day, outside any rule
    timelines             local times as instants: gaps, folds, all-day
    calendars             the local times of a rule: days of a set, at times of the day
    rrule_days, cron_days, day_sets, months     those sets
    reading, rrule_syntax, cron_syntax, errors     what a rule says
    wall_clock, zone_changes, zones     where clocks change, by the pinned zone data
    words     a rule in plain English, and one day in other languages
"""

from recurrence.checks import Mode, check_rule
from recurrence.errors import Code, RuleError
from recurrence.local_times import end_of_local_day, instant_of, last_minute_of, local_of
from recurrence.reading import CRON, RRULE
from recurrence.series import CatchUp, Policy, Series
from recurrence.words import describe
from recurrence.zones import ZONE_DATA_VERSION, zone

__all__ = [
    "CRON",
    "RRULE",
    "ZONE_DATA_VERSION",
    "CatchUp",
    "Code",
    "Mode",
    "Policy",
    "RuleError",
    "Series",
    "check_rule",
    "describe",
    "end_of_local_day",
    "instant_of",
    "last_minute_of",
    "local_of",
    "zone",
]
