"""The words of the grammar. All in lower case: case does not matter in a sentence."""

WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SHORT_WEEKDAYS = {"tues": 1, "weds": 2, "thur": 3, "thurs": 3}


def _with_short(names: tuple[str, ...], first: int) -> dict[str, int]:
    numbered = {name.lower(): number for number, name in enumerate(names, first)}
    return numbered | {name[:3]: number for name, number in numbered.items()}


WEEKDAYS: dict[str, int] = _with_short(WEEKDAY_NAMES, 0) | _SHORT_WEEKDAYS
MONTHS: dict[str, int] = _with_short(MONTH_NAMES, 1) | {"sept": 9}

ALSO_ENGLISH = {"sun", "sat", "wed"}
"""Short weekdays that are words too: at the end of a sentence they need something before them."""

NUMBERS = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6},
    **{"seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12},
}
ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
NUMBERED = {**ORDINALS, "last": -1, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5}
"""Of the weekdays in a month."""
WORKING_DAYS = (0, 1, 2, 3, 4)

MINUTE, HOUR, DAY, WEEK, MONTH, YEAR = "minute", "hour", "day", "week", "month", "year"
UNITS: dict[str, str] = {
    **{unit: unit for unit in (MINUTE, HOUR, DAY, WEEK, MONTH, YEAR)},
    **{f"{unit}s": unit for unit in (MINUTE, HOUR, DAY, WEEK, MONTH, YEAR)},
    **{"min": MINUTE, "mins": MINUTE, "h": HOUR, "hr": HOUR, "hrs": HOUR},
}

MORNING, AFTERNOON, EVENING, TONIGHT, NIGHT = "morning", "afternoon", "evening", "tonight", "night"
HALVES = {MORNING, AFTERNOON, EVENING, NIGHT}
"""Parts of the day that a bare hour beside them belongs to."""

UNTIL = {"until", "till", "til"}
FROM = {"from", "starting"}

NOT_THAT_DAY = {"after", "before", "not", "except", "excluding", "without", "never", "but", "or", "than"}
"""Directly before a date they make it another one, or none: it is asked which."""

BELONGS_TO_NEXT = {
    *("since", "around", "about", "near", "past", "between", "through", "during", "beyond", "following"),
    *("last", "first", "second", "third", "fourth", "fifth", "each", "any", "some", "other", "another"),
    *("previous", "coming", "the", "a", "an", "my", "your", "his", "her", "our", "their", "its", "no", "one"),
    *("of", "for", "with", "to", "like", "as", "and", "both", "either", "all", "late", "early", "mid"),
}
"""Directly before the last words of a sentence they take them into the title, or leave it cut off."""

ABOUT_A_TIME = {"before", "after", "around", "about", "circa", "approximately", "past"}
"""Between a day and a time they make that another one: on friday after 5."""

ZONES = {
    "utc",
    "gmt",
    "est",
    "edt",
    "cst",
    "cdt",
    "mst",
    "mdt",
    "pst",
    "pdt",
    "cet",
    "cest",
    "bst",
    "ist",
    "jst",
}
"""After a time they would make it one of another zone, which the grammar does not have."""

DETERMINERS = {"the", "a", "an", "my", "your", "his", "her", "our", "their", "its", "this", "that"}
