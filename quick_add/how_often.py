"""How often without when (daily, twice a day), and for how long: asked, as a task recurs at one time."""

from quick_add.amounts import number_of, unit_of
from quick_add.parts import Part, unclear
from quick_add.recurrences import FREQUENCIES
from quick_add.tokens import Words
from quick_add.vocabulary import WEEKDAYS

_OFTEN = {
    "daily": "every day",
    "weekly": "every week",
    "monthly": "every month",
    "yearly": "every year",
    "annually": "every year",
    "fortnightly": "every 2 weeks",
    "nightly": "every day at 20:00",
    "hourly": "every day",
    "biweekly": "every 2 weeks",
    "quarterly": "every 3 months",
}
_TIMES = {"once", "twice", "thrice"}


def read_often(words: Words, at: int) -> Part | None:
    """Daily, twice a day, 3 times a week: how often, but not when."""
    word = words.word(at)
    one = word.removesuffix("s")
    if one != word and one.endswith("day") and (one in WEEKDAYS or one == "weekday"):
        return unclear("which_day", "Every week?", at, at + 1, [(f"Every {one}", f"every {one}")])
    if word in _OFTEN:
        options = [(_OFTEN[word].capitalize(), _OFTEN[word])]
        return unclear("which_times", "When is that?", at, at + 1, options)
    each = at + 1
    if word not in _TIMES:
        if number_of(word) is None or words.word(at + 1) != "times":
            return None
        each = at + 2
    unit = unit_of(words.word(each + 1))
    if words.word(each) not in ("a", "an", "per", "every", "each") or unit is None:
        return None
    every = f"every {unit}" if unit in FREQUENCIES else "every day"
    options = [(f"At {hour}", f"{every} at {hour}") for hour in ("09:00", "18:00")]
    text = "A task recurs once in its period. At what time? Add another task for each other time."
    return unclear("which_times", text, at, each + 2, options)


def read_length(words: Words, at: int) -> int | None:
    """For 2 weeks, 5 times: where it ends, or None. Beside a recurrence it may be how long that goes on."""
    if words.word(at) == "for" and number_of(words.word(at + 1)) and unit_of(words.word(at + 2)):
        return at + 3
    if words.phrase(at, "for", "a") and unit_of(words.word(at + 2)):
        return at + 3
    return at + 2 if number_of(words.word(at)) and words.word(at + 1) == "times" else None
