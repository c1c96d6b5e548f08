"""A recurrence rule as the API takes it."""

from typing import Any

from rest_framework import serializers

HELP = """`daily`, `weekly`, `monthly`, `weekdays`; or `rrule:` and parts of RFC 5545 (FREQ, INTERVAL, BYDAY,
BYMONTHDAY, BYMONTH, BYSETPOS, WKST, COUNT), such as `rrule:FREQ=WEEKLY;INTERVAL=2;BYDAY=FR`; or `cron:`
and five fields (minute, hour, day of month, month, weekday), each `*` or a list of numbers, `a-b`, `a-b/n`
and three-letter names, or an alias such as `cron:@daily`, at least 5 minutes apart."""


class RuleField(serializers.CharField):
    """Any text: what is wrong with a rule has codes of its own, which come before a general one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **options)
        self.validators = []
