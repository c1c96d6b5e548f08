"""How fast the next occurrence is found, beside croniter, cronsim and dateutil on the same rules.

In seconds of the processor, in turns. A rival answers in local time or with an aware datetime; ours is an
instant in UTC, with gaps and folds of the zone resolved.
"""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import islice
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim
from dateutil.rrule import rrulestr

from benchmarks.measuring import Series as Turns
from benchmarks.measuring import Side, Turn, interleave, ratio
from benchmarks.report import Report, numbers, table
from benchmarks.stage import Stage
from recurrence.rules import Series

ZONE = "Europe/Berlin"
ANCHOR = datetime(2026, 1, 15, 9)  # noqa: DTZ001 - local
OLD_ANCHOR = datetime(2000, 1, 15, 9)  # noqa: DTZ001 - local
FROM = datetime(2026, 2, 1, tzinfo=UTC)
AT_ONCE = 20
# A rule of ours, and the same for cron.
NAMED = {
    "daily": "0 9 * * *",
    "weekly": "0 9 * * 4",
    "weekdays": "0 9 * * 1-5",
    "monthly": "0 9 15 * *",
}
CRON = (
    "*/15 * * * *",
    "0 9 * * *",
    "0 9 * * 1-5",
    "0 9 31 * *",
    "0 9 13 * 5",
    "0 9 29 2 *",
    "0 8-18/2 1,15 1-6 *",
)
RRULES = (
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR",
    "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
)


def run(stage: Stage) -> Report:
    """Each rule from occurrence to occurrence; a ratio is to the faster of the rivals."""
    seconds = stage.seconds / 50
    measure = _measured(stage.rounds, seconds)
    named = [_row(measure(_ours(name), *_cron_rivals(cron)), name, goal=5) for name, cron in NAMED.items()]
    cron = [
        _row(measure(_ours(f"cron:{text}"), *_cron_rivals(text)), f"cron:{text}", goal=1) for text in CRON
    ]
    rrule = [
        _row(
            measure(_ours(f"rrule:{text}", anchor), _dateutil(text, anchor)),
            f"rrule:{text}, {since}",
            goal=10,
        )
        for text in RRULES
        for anchor, since in ((ANCHOR, "from 2026"), (OLD_ANCHOR, "from 2000"))
    ]
    head = ["rule", "ours, next() a second", "the faster rival's", "times as many (range)", "goal"]
    return Report("The next occurrence", [table(head, [*named, *cron, *rrule])])


def _measured(rounds: int, seconds: float) -> Callable[..., list[Turns]]:
    def measure(*sides: Side) -> list[Turns]:
        return list(interleave(sides, rounds=rounds, seconds=seconds, between=lambda: None).values())

    return measure


def _row(measured: list[Turns], name: str, *, goal: float) -> list[str]:
    ours, *rivals = measured
    fastest = max(rivals, key=lambda rival: sum(rival.rates))
    times = ratio(ours, fastest)
    return [
        name,
        f"{sum(ours.rates) / len(ours.rates):,.0f}",
        f"{sum(fastest.rates) / len(fastest.rates):,.0f} ({fastest.name})",
        numbers(times, ".1f"),
        f"{goal:g}: {'reached' if times.median >= goal else 'missed'}",
    ]


def _ours(rule: str, anchor: datetime = ANCHOR) -> Side:
    series = Series(rule=rule, timezone=ZONE, anchor=anchor)
    return _walking("this backend", series.next_after, FROM)


def _cron_rivals(expression: str) -> Iterable[Side]:
    start = FROM.astimezone(ZoneInfo(ZONE))
    iterated = croniter(expression, start, ret_type=datetime)

    def simulate() -> None:
        deque(islice(CronSim(expression, start), AT_ONCE), maxlen=0)

    def iterate() -> None:
        iterated.set_current(start)
        for _ in range(AT_ONCE):
            iterated.get_next()

    yield Side("cronsim", lambda seconds: _turn(simulate, seconds))
    yield Side("croniter", lambda seconds: _turn(iterate, seconds))


def _dateutil(parts: str, anchor: datetime) -> Side:
    rule = rrulestr(f"RRULE:{parts}", dtstart=anchor)
    return _walking("dateutil", rule.after, FROM.replace(tzinfo=None))


def _walking(name: str, find_next: Callable[[Any], Any], start: datetime) -> Side:
    """From one occurrence to the next, and again from the start after AT_ONCE: the distance stays."""

    def walk() -> None:
        slot = start
        for _ in range(AT_ONCE):
            slot = find_next(slot)

    return Side(name, lambda seconds: _turn(walk, seconds))


def _turn(work: Callable[[], object], seconds: float) -> Turn:
    begin = now = process_time()
    latencies = []
    while now - begin < seconds:
        work()
        now, before = process_time(), now
        latencies.append(now - before)
    return Turn(latencies, now - begin, pieces=AT_ONCE)
