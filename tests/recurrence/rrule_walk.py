"""A second reading of `rrule:`: day by day from the anchor, as RFC 5545, 3.3.10, describes it.

It shares no code with the engine, and is as slow as it looks.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

DAY = timedelta(days=1)
NAMES = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
HORIZON = 50


def parts_of(rule: str) -> dict[str, str]:
    return dict(part.split("=") for part in rule.removeprefix("rrule:").split(";"))


def walk(rule: str, anchor: date, until: date) -> Iterator[date]:
    """The days of a rule in [anchor, until]; none after a pause of more than 50 years."""
    parts = parts_of(rule)
    left = int(parts.get("COUNT", 10**9))
    latest, day = anchor, anchor
    while day <= until and left and day.toordinal() - latest.toordinal() <= HORIZON * 365.25 + 1:
        if matches(rule, anchor, day):
            yield day
            latest, left = day, left - 1
        day += DAY


def matches(rule: str, anchor: date, day: date) -> bool:
    parts = parts_of(rule)
    if turns(parts, anchor, day) % int(parts.get("INTERVAL", 1)):
        return False
    if not is_named(rule, anchor, day):
        return False
    if "BYSETPOS" not in parts:
        return True
    members = period(rule, anchor, *ends(parts, day))
    places = {members.index(day) + 1, members.index(day) - len(members)}
    return bool(places & {int(place) for place in parts["BYSETPOS"].split(",")})


def turns(parts: dict[str, str], anchor: date, day: date) -> int:
    match parts["FREQ"]:
        case "DAILY":
            return (day - anchor).days
        case "WEEKLY":
            return (ends(parts, day)[0] - ends(parts, anchor)[0]).days // 7
        case "MONTHLY":
            return (day.year - anchor.year) * 12 + day.month - anchor.month
        case _:
            return day.year - anchor.year


def ends(parts: dict[str, str], day: date) -> tuple[date, date]:
    """The first and last day of the week, month or year."""
    match parts["FREQ"]:
        case "WEEKLY":
            first = day - (day.weekday() - NAMES.index(parts.get("WKST", "MO"))) % 7 * DAY
            return first, first + 6 * DAY
        case "MONTHLY":
            first = day.replace(day=1)
            return first, (first + 31 * DAY).replace(day=1) - DAY
        case _:
            return day.replace(month=1, day=1), day.replace(month=12, day=31)


@lru_cache(maxsize=64)
def period(rule: str, anchor: date, first: date, last: date) -> list[date]:
    days = [first + number * DAY for number in range((last - first).days + 1)]
    return [day for day in days if is_named(rule, anchor, day)]


def is_named(rule: str, anchor: date, day: date) -> bool:
    """BYMONTH, BYMONTHDAY and BYDAY, or what the anchor supplies."""
    parts = parts_of(rule)
    if "BYMONTH" in parts and day.month not in map(int, parts["BYMONTH"].split(",")):
        return False
    if "BYDAY" not in parts and "BYMONTHDAY" not in parts:
        match parts["FREQ"]:
            case "WEEKLY":
                return day.weekday() == anchor.weekday()
            case "MONTHLY":
                return day.day == anchor.day
            case "YEARLY":
                return day.day == anchor.day and ("BYMONTH" in parts or day.month == anchor.month)
            case _:
                return True
    length = ((day.replace(day=1) + 31 * DAY).replace(day=1) - DAY).day
    if "BYMONTHDAY" in parts:
        numbers = {int(number) for number in parts["BYMONTHDAY"].split(",")}
        if not numbers & {day.day, day.day - length - 1}:
            return False
    if "BYDAY" in parts:
        number, back = (day.day + 6) // 7, -((length - day.day) // 7 + 1)
        name = NAMES[day.weekday()]
        listed = [item.lstrip("+") for item in parts["BYDAY"].split(",")]
        return bool({name, f"{number}{name}", f"{back}{name}"} & set(listed))
    return True
