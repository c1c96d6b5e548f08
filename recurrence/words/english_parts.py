"""English numbers, names and lists. A leaf: it imports nothing of the project."""

from collections.abc import Iterable
from itertools import pairwise

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def nth(number: int) -> str:
    """1st, 2nd, 3rd, 11th."""
    ending = "th" if 10 < number % 100 < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def ordinal(number: int) -> str:
    """first to tenth, then 11th; from the end last, second to last and so on."""
    if number == -1:
        return "last"
    if number < 0:
        return f"{ordinal(-number)} to last"
    return _ORDINALS[number - 1] if number <= len(_ORDINALS) else nth(number)


def each(unit: str, interval: int) -> str:
    """every day, every second day, every 14th day."""
    return f"every {unit}" if interval == 1 else f"every {ordinal(interval)} {unit}"


def listed(items: Iterable[str], word: str = "and") -> str:
    """one; one and two; one, two and three."""
    *rest, last = items
    return f"{', '.join(rest)} {word} {last}" if rest else last


def from_start(number: int) -> tuple[bool, int]:
    """The order of 1, 2, 3, ..., -3, -2, -1."""
    return number < 0, number


def ordinals(numbers: Iterable[int]) -> str:
    return listed(map(ordinal, sorted(numbers, key=from_start)))


def weekday_names(weekdays: Iterable[int]) -> list[str]:
    return [WEEKDAYS[weekday] for weekday in sorted(weekdays)]


def month_names(months: Iterable[int]) -> str:
    return listed(MONTHS[month - 1] for month in sorted(months))


def month_days(days: Iterable[int], word: str = "and") -> str:
    """the 1st, 15th and last day."""
    ordered = sorted(days, key=from_start)
    return listed((nth(day) if day > 0 else f"{ordinal(day)} day" for day in ordered), word)


def spans(numbers: Iterable[int]) -> str:
    """8 to 12, 14 and 15."""
    ordered = sorted(numbers)
    begins = [ordered[0]] + [later for earlier, later in pairwise(ordered) if later - earlier > 1]
    ends = [earlier for earlier, later in pairwise(ordered) if later - earlier > 1] + [ordered[-1]]
    return listed(_span(begin, end) for begin, end in zip(begins, ends, strict=True))


def _span(begin: int, end: int) -> str:
    if begin == end:
        return str(begin)
    return f"{begin} and {end}" if end - begin == 1 else f"{begin} to {end}"
