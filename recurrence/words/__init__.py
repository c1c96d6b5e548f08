"""A rule in words, in each language that has a module here.

A language is a module that is a `Language`; to add one, write it and add it to LANGUAGES.
"""

from datetime import datetime
from functools import lru_cache
from typing import Protocol

from recurrence.cron_syntax import Cron
from recurrence.reading import read_rule
from recurrence.rrule_syntax import RRule
from recurrence.words import english


class Language(Protocol):
    def describe(self, rule: Cron | RRule | str, anchor: datetime, *, all_day: bool) -> str:
        """A rule as read, without its zone; what it does not name comes from the anchor."""

    def in_zone(self, text: str, timezone: str) -> str: ...


LANGUAGES: dict[str, Language] = {"en": english}


@lru_cache(maxsize=4096)
def describe(
    rule: str, *, anchor: datetime, timezone: str, all_day: bool = False, language: str = "en"
) -> str:
    """Such as "every second Friday at 17:00, Europe/Berlin"; an all-day series has neither time nor zone.

    What a rule does not name itself comes from the anchor, a local time. Raises RuleError for a rule that
    cannot be read.
    """
    words = LANGUAGES[language]
    text = words.describe(read_rule(rule), anchor, all_day=all_day)
    return text if all_day else words.in_zone(text, timezone)
