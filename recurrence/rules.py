"""When a series recurs: pure calendar arithmetic from a rule, an anchor and a zone.

A rule is `daily`, `weekly`, `monthly`, `weekdays` or `cron:` with five fields. An anchor is a local date
and time without a zone: slots are computed from it, never from one another, so nothing drifts. Answers
are UTC, on a whole minute. Nothing here reads a clock.

This is the one door to the modules behind it: cron_syntax (what a rule says), calendars (its local
times), wall_clock (where clocks change) and timelines (the instants). All are leaves: they import nothing
of the project but one another.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property, lru_cache
from typing import Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from recurrence.calendars import DAY, WEEK, CronCalendar, Every, Monthly, NamedCalendar, Weekdays
from recurrence.cron_syntax import Code, RuleError, parse_cron
from recurrence.timelines import (
    FixedCronTimeline,
    NamedTimeline,
    Timeline,
    WildcardCronTimeline,
    shifted_instant,
)
from recurrence.wall_clock import (
    MINUTE,
    NO_GAP,
    SECOND,
    change_at,
    instant_at,
    offsets_of,
    wall_time,
    whole_minute,
)

__all__ = [
    "CatchUp",
    "Code",
    "Mode",
    "Policy",
    "RuleError",
    "Series",
    "check_rule",
    "end_of_local_day",
    "instant_of",
    "zone",
]

Mode = Literal["fixed", "after_completion"]
Policy = Literal["latest", "all", "skip"]

NAMED_RULES = ("daily", "weekly", "monthly", "weekdays")
CRON = "cron:"
MAX_RULE_LENGTH = 100
SHORTEST_INTERVAL = timedelta(minutes=5)
# A month of a daily series: enough to see what was missed, not enough to flood a list.
MAX_CAUGHT_UP = 31


def check_rule(
    rule: str, *, timezone: str, mode: str = "fixed", shortest_interval: timedelta = SHORTEST_INTERVAL
) -> None:
    """Accept what a user may set, or raise RuleError with the code of the first fault.

    The rule is checked first, then the zone, then the mode. shortest_interval (at most a day) is for cron
    rules and by the wall clock: where clocks change, two slots may come closer.
    """
    if len(rule) > MAX_RULE_LENGTH:
        raise RuleError("too_long", f"The rule has {len(rule)} characters; at most {MAX_RULE_LENGTH} fit.")
    if rule not in NAMED_RULES:
        _check_cron(_cron_calendar(rule), shortest_interval)
    zone(timezone)
    if mode not in get_args(Mode):
        raise RuleError("mode_not_allowed", f"The mode is one of {', '.join(get_args(Mode))}.")
    if mode == "after_completion":
        _check_counts_from_completion(rule)


def _check_cron(calendar: CronCalendar, shortest_interval: timedelta) -> None:
    if not calendar.ever_matches():
        raise RuleError("never_matches", "No date has this day, month and weekday; choose ones that meet.")
    if calendar.is_denser_than(shortest_interval):
        right = f"leave at least {shortest_interval / MINUTE:g} minutes in between."
        raise RuleError("too_frequent", f"The rule recurs too often; {right}")


def _check_counts_from_completion(rule: str) -> None:
    if rule == "weekdays" or rule.startswith(CRON):
        right = "take daily, weekly or monthly, or the mode fixed."
        raise RuleError(
            "mode_not_allowed", f"after_completion needs a period to add, and {rule} has none; {right}"
        )


@lru_cache(maxsize=1024)
def _cron_calendar(rule: str) -> CronCalendar:
    if not rule.startswith(CRON):
        right = f"{', '.join(NAMED_RULES)}, or {CRON} and five fields."
        raise RuleError("unknown_rule", f"The rule is one of {right}")
    return CronCalendar(parse_cron(rule.removeprefix(CRON)))


def _named_calendar(rule: str, anchor: datetime) -> NamedCalendar:
    match rule:
        case "daily":
            return Every(anchor, DAY)
        case "weekly":
            return Every(anchor, WEEK)
        case "monthly":
            return Monthly(anchor)
        case _:
            return Weekdays(anchor)


def zone(name: str) -> ZoneInfo:
    """The IANA zone of this exact name, read from disk once. Raises RuleError (bad_timezone)."""
    if name not in _zone_names():
        raise RuleError("bad_timezone", "The time zone is an IANA name, such as Europe/Berlin or UTC.")
    return _zone(name)


@cache
def _zone_names() -> frozenset[str]:
    # localtime is this machine's own, Factory says that nobody chose one.
    return frozenset(available_timezones() - {"localtime", "Factory"})


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def instant_of(local: datetime, timezone: str) -> datetime | None:
    """The instant of a naive local time, to the minute, as a named rule reads it (RFC 5545, 3.3.5).

    In a gap with the offset before it, in a fold at the first pass. None when a gap of more than 3 hours
    skips it, or when it lies outside the years 1 to 9999 in UTC. Raises RuleError (bad_timezone), and
    ValueError for an aware one.
    """
    return shifted_instant(_local_minute(local), zone(timezone))


def _local_minute(local: datetime) -> datetime:
    if local.tzinfo is not None:
        raise ValueError(f"A local time has no UTC offset, and {local.isoformat()} has one.")
    return local.replace(second=0, microsecond=0, fold=0)


def end_of_local_day(day: date, timezone: str) -> datetime:
    """The last second of a local day, as an instant: what `until` means when only a date is given.

    Raises RuleError (bad_timezone).
    """
    tz = zone(timezone)
    try:
        midnight = datetime(day.year, day.month, day.day) + DAY  # noqa: DTZ001 - local
        change = change_at(midnight, tz)
        if change is not None and change.gap > NO_GAP:
            return change.at - SECOND
        # In a fold over midnight the day ends with the second pass.
        return instant_at(midnight, offsets_of(midnight, tz)[1]) - SECOND
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC, microsecond=0)


@dataclass(frozen=True, kw_only=True)
class CatchUp:
    """slots: those to make up for, oldest first. missed: how many came up. next: the first still to come."""

    slots: list[datetime]
    missed: int
    next: datetime | None


@dataclass(frozen=True, kw_only=True)
class Series:
    """A rule in a zone, from an anchor (naive, seconds are dropped) to `until` (aware), both included.

    Raises ValueError when the anchor is aware or `until` is not. The methods raise ValueError for naive
    instants and RuleError for a rule that cannot be read or an unknown zone; they reckon with `* * * * *`
    too.
    """

    rule: str
    timezone: str
    anchor: datetime
    until: datetime | None = None

    def __post_init__(self) -> None:
        _local_minute(self.anchor)
        if self.until is not None:
            whole_minute(self.until)

    def next_after(self, after: datetime | None) -> datetime | None:
        """The first slot strictly after an aware instant, or the first of all; None when the series is over.

        A series is also over beyond the year 9999, and when a cron rule matches no date within 10 years.
        """
        try:
            slot = self._timeline.next(None if after is None else whole_minute(after))
        except OverflowError:
            return None
        return None if slot is None or (self.until is not None and slot > self.until) else slot

    def upcoming(self, after: datetime | None, count: int) -> list[datetime]:
        """The first `count` slots strictly after an instant, or of all; fewer when the series ends."""
        slots: list[datetime] = []
        while len(slots) < count and (slot := self.next_after(slots[-1] if slots else after)) is not None:
            slots.append(slot)
        return slots

    def catch_up(
        self, after: datetime | None, now: datetime, policy: Policy = "latest", limit: int = MAX_CAUGHT_UP
    ) -> CatchUp:
        """What came up in (after, now] while nobody looked; `after` None: since the anchor.

        latest: the newest slot. all: the newest `limit`. skip: none. `missed` counts them all. `next` is
        after now (and after `after`, should that be later). No loop goes over the slots, however dense:
        the cost is that of finding the zone's changes, some 0.4 ms for each year in between, and one
        search for each slot answered.
        """
        since = None if after is None else whole_minute(after)
        until = whole_minute(now if self.until is None else min(now, self.until))
        missed = self._timeline.count(since, until)
        wanted = min(missed, {"latest": 1, "all": limit, "skip": 0}[policy])
        if 0 < wanted < missed:
            since = self._before_newest(wanted, since, until)
        return CatchUp(
            slots=self.upcoming(since, wanted),
            missed=missed,
            next=self.next_after(now if after is None else max(now, after)),
        )

    def after_completion(
        self, occurrence_at: datetime, completed_at: datetime, mode: Mode = "fixed"
    ) -> datetime | None:
        """The slot that completing an occurrence creates; None when the series is over.

        fixed: the first after the later of occurrence and completion. after_completion: the local date of
        completion plus one period, at the anchor's time of day; one period more when that is the
        occurrence itself, since a slot is used once. The moment of handling plays no part. Raises
        RuleError (mode_not_allowed).
        """
        if mode == "fixed":
            return self.next_after(max(occurrence_at, completed_at))
        _check_counts_from_completion(self.rule)
        return self._after_completion(completed_at, occurrence_at)

    @cached_property
    def _timeline(self) -> Timeline:
        anchor, tz = _local_minute(self.anchor), zone(self.timezone)
        if self.rule in NAMED_RULES:
            return NamedTimeline(_named_calendar(self.rule, anchor), anchor, tz)
        calendar = _cron_calendar(self.rule)
        return (WildcardCronTimeline if calendar.cron.wildcard else FixedCronTimeline)(calendar, anchor, tz)

    def _before_newest(self, wanted: int, since: datetime | None, until: datetime) -> datetime:
        """The latest instant with `wanted` slots between it and `until`, of more since `since`.

        Found by halving and counting. Each count spans half the time of the one before, so that all of them
        together cost as much as one of the whole.
        """
        timeline = self._timeline
        span = until - (timeline.opening if since is None else max(since, timeline.opening))
        minutes = bisect_left(
            range(span // MINUTE),
            wanted,
            key=lambda minutes: timeline.count(until - minutes * MINUTE, until),
        )
        return until - minutes * MINUTE

    def _after_completion(self, completed_at: datetime, occurrence_at: datetime) -> datetime | None:
        tz = zone(self.timezone)
        day = wall_time(whole_minute(completed_at), tz)
        series = replace(self, anchor=day.replace(hour=self.anchor.hour, minute=self.anchor.minute))
        same_day = shifted_instant(series.anchor, tz)
        slot = series.next_after(completed_at if same_day is None else max(completed_at, same_day))
        return series.next_after(slot) if slot == whole_minute(occurrence_at) else slot
