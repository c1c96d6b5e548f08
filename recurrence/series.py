"""A rule in a zone from an anchor: what comes next, what came up meanwhile, what a completion creates."""

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import count
from typing import Literal

from recurrence import cron_days, rrule_days
from recurrence.calendars import DAY, LAST_MINUTE, Calendar, named_days
from recurrence.checks import Mode
from recurrence.cron_syntax import Cron
from recurrence.local_times import local_minute
from recurrence.reading import period_of, read_rule
from recurrence.rrule_syntax import RRule, with_count
from recurrence.timelines import (
    AllDayTimeline,
    FixedCronTimeline,
    NamedTimeline,
    OncePerLocalTime,
    Timeline,
    WildcardCronTimeline,
)
from recurrence.wall_clock import MINUTE, wall_time, whole_minute
from recurrence.zones import zone

Policy = Literal["latest", "all", "skip"]

# A month of a daily series: enough to see what was missed, not enough to flood a list.
MAX_CAUGHT_UP = 31
# By new zone data a slot moves by an hour or two. What is farther away is another slot.
FARTHEST_MOVE = timedelta(hours=11)


@dataclass(frozen=True, kw_only=True)
class CatchUp:
    """slots: those to make up for, oldest first. missed: how many came up. next: the first still to come."""

    slots: list[datetime]
    missed: int
    next: datetime | None


@dataclass(frozen=True, kw_only=True)
class Series:
    """A rule in a zone, from an anchor (naive, seconds are dropped) to `until` (aware), both included.

    The slots of an all-day series are the last minutes of its days. Raises ValueError when the anchor is
    aware or `until` is not. The methods raise ValueError for naive instants and RuleError for a rule that
    cannot be read or an unknown zone; they compute `* * * * *` too.
    """

    rule: str
    timezone: str
    anchor: datetime
    until: datetime | None = None
    all_day: bool = False

    def __post_init__(self) -> None:
        local_minute(self.anchor)
        if self.until is not None:
            whole_minute(self.until)

    def next_after(self, after: datetime | None) -> datetime | None:
        """The first slot strictly after an aware instant, or the first of all; None when the series is over.

        A series is also over beyond the year 9999, and when a cron rule matches no date within 10 years, an
        rrule none within 50.
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
        """The slots in (after, now] that were not handled; `after` None: since the anchor.

        latest: the newest slot. all: the newest `limit`. skip: none. `missed` counts them all. `next` is
        after now (and after `after`, should that be later). No loop goes over the slots, however dense: the
        cost is that of the zone's changes in between, and one search for each slot answered.
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
        self,
        occurrence_at: datetime,
        completed_at: datetime,
        mode: Mode = "fixed",
        taken: Collection[datetime] = (),
    ) -> datetime | None:
        """The slot that completing an occurrence creates; None when the series is over.

        fixed: the first after the later of occurrence and completion. after_completion: the local date of
        completion plus one period, at the anchor's time of day. A slot is used once: where it is the
        occurrence itself or one of `taken`, it is the next slot, or one period more, counted from the
        completion too (31 January plus two months is 31 March). The moment of handling plays no part.
        Raises RuleError (mode_not_allowed).
        """
        if mode == "after_completion":
            return self._after_completion(completed_at, {whole_minute(occurrence_at), *taken})
        slot = self.next_after(max(occurrence_at, completed_at))
        while slot is not None and slot in taken:
            slot = self.next_after(slot)
        return slot

    def recomputed(self, slot: datetime) -> datetime | None:
        """The slot that stands for one which was computed with other zone data; None if there is none near.

        It is the nearest at the rule's time of day, of two the earlier, whatever day it is: the first one of
        a series, and those counted from a completion, may be on days outside the rule. Of a cron rule it is
        the nearest slot. The end of the series plays no part.
        """
        slot, timeline = whole_minute(slot), self._timeline
        if isinstance(read_rule(self.rule), Cron):
            endless = replace(self, until=None)
            before = endless.catch_up(slot - FARTHEST_MOVE, slot - MINUTE).slots
            near = [*before, endless.next_after(slot - MINUTE)]
        else:
            assert isinstance(timeline, OncePerLocalTime)
            day = wall_time(slot, timeline.tz).date()
            near = [timeline.slot_on(day + days * DAY) for days in (-1, 0, 1)]
        found = [other for other in near if other is not None and abs(other - slot) <= FARTHEST_MOVE]
        return min(found, key=lambda other: abs(other - slot), default=None)

    def rule_from(self, day: date) -> str:
        """The rule of what is left of the series from a local day on, with the COUNT of that.

        That day is counted, and COUNT is at least 1. A rule without COUNT stays as it is. Raises RuleError.
        """
        rule, first = read_rule(self.rule), self.anchor.date()
        if not isinstance(rule, RRule) or rule.count is None or day <= first:
            return self.rule
        used = rrule_days.days_of(rule, first).count(first, day - DAY)
        return with_count(self.rule, max(1, rule.count - used))

    @cached_property
    def _timeline(self) -> Timeline:
        anchor, tz = local_minute(self.anchor), zone(self.timezone)
        rule = read_rule(self.rule)
        if isinstance(rule, Cron):
            calendar = _cron_calendar(self.rule)
            return (WildcardCronTimeline if rule.wildcard else FixedCronTimeline)(calendar, anchor, tz)
        day = anchor.date()
        days = rrule_days.days_of(rule, day) if isinstance(rule, RRule) else named_days(rule, day)
        if self.all_day:
            return AllDayTimeline(Calendar(days, (LAST_MINUTE,)), anchor.replace(hour=0, minute=0), tz)
        return NamedTimeline(Calendar(days, (anchor.hour * 60 + anchor.minute,)), anchor, tz)

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

    def _after_completion(self, completed_at: datetime, taken: Collection[datetime]) -> datetime | None:
        period, tz, timeline = period_of(self.rule), zone(self.timezone), self._timeline
        assert isinstance(timeline, OncePerLocalTime)  # cron has no period
        completed = whole_minute(completed_at)
        day = wall_time(completed, tz).date()
        slots = (timeline.slot_on(period.after(day, number)) for number in count(1))
        try:
            slot = next(slot for slot in slots if slot and slot > completed and slot not in taken)
        except OverflowError:
            return None
        return slot if self.until is None or slot <= self.until else None


@lru_cache(maxsize=4096)
def _cron_calendar(rule: str) -> Calendar:
    cron = read_rule(rule)
    assert isinstance(cron, Cron)
    return cron_days.cron_calendar(cron)
