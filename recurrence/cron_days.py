"""The days and minutes of a `cron:` rule, and whether it may be set.

They import nothing of the project but the modules beside them.
"""

from datetime import timedelta
from functools import lru_cache
from itertools import pairwise

from recurrence.calendars import Calendar
from recurrence.cron_syntax import Cron
from recurrence.day_sets import ByShape, Months
from recurrence.months import LENGTHS, SHAPES, days_of_month_days, days_of_weekdays, has_shape

# 29 February is at most 8 years away (1896 to 1904). What waits longer than this has no next.
YEARS_BETWEEN_MATCHES = 10
MINUTES_OF_A_DAY = 24 * 60


def cron_calendar(cron: Cron) -> Calendar:
    """The minutes of a cron rule, with day of month and weekday joined as in Debian's cron (`both_days`)."""
    months = Months(12, tuple(sorted(month - 1 for month in cron.months)))
    return Calendar(ByShape(months, YEARS_BETWEEN_MATCHES, _masks(cron)), _times(cron))


def _times(cron: Cron) -> tuple[int, ...]:
    return tuple(hour * 60 + minute for hour in sorted(cron.hours) for minute in sorted(cron.minutes))


@lru_cache(maxsize=1024)
def _masks(cron: Cron) -> tuple[int, ...]:
    """The days of a month by its shape."""
    weekdays = [(weekday - 1) % 7 for weekday in cron.weekdays]
    by_date = {length: days_of_month_days(cron.days, length) for length in LENGTHS}
    by_weekday = (days_of_weekdays(weekdays, first, length) for first, length in SHAPES)
    pairs = ((by_date[length], days) for (_, length), days in zip(SHAPES, by_weekday, strict=True))
    return tuple(dates & days if cron.both_days else dates | days for dates, days in pairs)


def ever_matches(cron: Cron) -> bool:
    masks = zip(_masks(cron), SHAPES, strict=True)
    return any(mask and any(has_shape(month, shape) for month in cron.months) for mask, shape in masks)


def is_denser_than(cron: Cron, interval: timedelta) -> bool:
    """Whether two matches are less than `interval`, at most a day, apart by the wall clock."""
    times = _times(cron)
    minutes = interval / timedelta(minutes=1)
    if any(later - earlier < minutes for earlier, later in pairwise(times)):
        return True
    over_midnight = times[0] + MINUTES_OF_A_DAY - times[-1]
    return over_midnight < minutes and _has_two_days_in_a_row(cron)


def _has_two_days_in_a_row(cron: Cron) -> bool:
    masks = dict(zip(SHAPES, _masks(cron), strict=True))
    for (first, length), days in masks.items():
        on_the_first = masks[(first + length) % 7, LENGTHS[0]] & 1  # of the month after
        with_the_first = days | on_the_first << length
        for month in cron.months:
            if has_shape(month, (first, length)):
                both = with_the_first if month % 12 + 1 in cron.months else days
                if both & both >> 1:
                    return True
    return False
