"""Adding days, weeks, months or years to a date. It imports nothing of the project but rrule_syntax."""

from calendar import monthrange
from datetime import date, timedelta
from typing import NamedTuple

from recurrence.rrule_syntax import Frequency


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
