"""The days and minutes of a `cron:` rule, and whether it may be set.

They import nothing of the project but the modules beside them.
"""

from datetime import timedelta
from functools import lru_cache
from itertools import pairwise

from recurrence.calendars import Calendar
from recurrence.cron_syntax import Cron
from recurrence.day_sets import ByShape, Months
from recurrence.months import LENGTHS, SHAPES, days_of_month_days, days_of_weekdays

# 29 February is at most 8 years away (1896 to 1904). What waits longer than this has no next.
YEARS_BETWEEN_MATCHES = 10
MINUTES_OF_A_DAY = 24 * 60


def cron_calendar(cron: Cron) -> Calendar:
    return Calendar(_days(cron), _times(cron))


@lru_cache(maxsize=1024)
def _days(cron: Cron) -> ByShape:
    """Day of month and weekday joined as in Debian's cron (`both_days`)."""
    weekdays = [(weekday - 1) % 7 for weekday in cron.weekdays]
    by_date = {length: days_of_month_days(cron.days, length) for length in LENGTHS}
    pairs = [(by_date[length], days_of_weekdays(weekdays, first, length)) for first, length in SHAPES]
    masks = (dates & days if cron.both_days else dates | days for dates, days in pairs)
    return ByShape(Months.of_a_year(cron.months), YEARS_BETWEEN_MATCHES, tuple(masks))


def _times(cron: Cron) -> tuple[int, ...]:
    return tuple(hour * 60 + minute for hour in sorted(cron.hours) for minute in sorted(cron.minutes))


def ever_matches(cron: Cron) -> bool:
    return not _days(cron).is_empty


def is_denser_than(cron: Cron, interval: timedelta) -> bool:
    """Whether two matches are less than `interval`, at most a day, apart by the wall clock."""
    times = _times(cron)
    minutes = interval / timedelta(minutes=1)
    if any(later - earlier < minutes for earlier, later in pairwise(times)):
        return True
    over_midnight = times[0] + MINUTES_OF_A_DAY - times[-1]
    return over_midnight < minutes and _days(cron).has_neighbours
