"""The days and minutes of a `cron:` rule, and whether it may be set.

They import nothing of the project but the modules beside them.
"""

from datetime import timedelta
from itertools import pairwise

from recurrence.calendars import Calendar
from recurrence.cron_syntax import Cron
from recurrence.day_sets import ByShape, Months
from recurrence.months import SHAPES, days_of_month_days, days_of_weekdays, has_shape

# 29 February is at most 8 years away (1896 to 1904). What waits longer than this has no next.
YEARS_BETWEEN_MATCHES = 10
MINUTES_OF_A_DAY = 24 * 60


def cron_calendar(cron: Cron) -> Calendar:
    """The minutes of a cron rule, with day of month and weekday joined as in Debian's cron (`both_days`)."""
    months = Months(12, tuple(sorted(month - 1 for month in cron.months)))
    masks = tuple(_mask(cron, first, length) for first, length in SHAPES)
    times = tuple(hour * 60 + minute for hour in sorted(cron.hours) for minute in sorted(cron.minutes))
    return Calendar(ByShape(months, YEARS_BETWEEN_MATCHES, masks), times)


def _mask(cron: Cron, first: int, length: int) -> int:
    days = days_of_month_days(cron.days, length)
    weekdays = days_of_weekdays([(weekday - 1) % 7 for weekday in cron.weekdays], first, length)
    return days & weekdays if cron.both_days else days | weekdays


def ever_matches(cron: Cron) -> bool:
    return any(_mask(cron, *shape) for shape in SHAPES for month in cron.months if has_shape(month, shape))


def is_denser_than(cron: Cron, interval: timedelta) -> bool:
    """Whether two matches are less than `interval`, at most a day, apart by the wall clock."""
    times = cron_calendar(cron).times
    minutes = interval / timedelta(minutes=1)
    if any(later - earlier < minutes for earlier, later in pairwise(times)):
        return True
    over_midnight = times[0] + MINUTES_OF_A_DAY - times[-1]
    return over_midnight < minutes and _has_two_days_in_a_row(cron)


def _has_two_days_in_a_row(cron: Cron) -> bool:
    for month in cron.months:
        for first, length in SHAPES:
            if has_shape(month, (first, length)):
                days = _mask(cron, first, length)
                next_month = month % 12 + 1 in cron.months and _mask(cron, (first + length) % 7, 28)
                days |= (next_month & 1) << length
                if days & days >> 1:
                    return True
    return False
