"""The door of the grammar: a sentence in, the fields of a task out, or what has to be asked."""

from collections.abc import Mapping
from datetime import datetime

from quick_add.answers import Question, Understood
from recurrence.rules import local_of

NO_TITLE = Question("no_title", "What is to be done? The sentence leaves no title.", ())


def understand(text: str, *, now: datetime, timezone: str, priorities: Mapping[str, int]) -> Understood:
    """What a sentence says about a new task.

    `now` is aware, in any offset; `timezone` is an IANA name; `priorities` are the levels of the priorities
    there are, by name. Raises RuleError (bad_timezone), and ValueError for a naive `now`.
    """
    assert all(level > 0 for level in priorities.values())
    return _title_only(text, now, timezone)


def understand_when(text: str, *, now: datetime, timezone: str) -> Understood:
    """What a phrase says about days, times, recurrence and reminders: "next friday at 9", "the 31st".

    As `understand`, but the phrase is taken for one wherever it stands, there is no title in `fields`, and
    `rest` are the words that were not understood.
    """
    return _title_only(text, now, timezone)


def _title_only(text: str, now: datetime, timezone: str) -> Understood:
    local_of(now, timezone)
    title = " ".join(text.split())
    return Understood({"title": title}, title) if title else Understood(questions=(NO_TITLE,))
