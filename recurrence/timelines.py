"""Slots: the instants of a calendar's local times in a zone, and what becomes of them where clocks change.

Four readings, which differ only there:

- NamedTimeline: in a gap, with the offset before it (RFC 5545, 3.3.5); in a fold, once, at the first pass.
- FixedCronTimeline: in a gap, at the first minute after it, several becoming one; in a fold, as above.
- WildcardCronTimeline: not in a gap; in both passes of a fold. These two are the rules of Debian's cron(8).
- AllDayTimeline: the last minute of each local day that there is.

A gap of more than 3 hours is a change of the calendar: what lies in it is skipped.
Instants are UTC and on a whole minute.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from recurrence.calendars import DAY, Calendar
from recurrence.local_times import LONGEST_GAP, last_minute, shifted_instant
from recurrence.wall_clock import (
    MINUTE,
    NO_GAP,
    change_at,
    instant_at,
    latest_time,
    offsets_of,
    wall_time,
)
from recurrence.zone_changes import SECOND, Change, changes, listed_changes, steady_offset
from recurrence.zones import FIRST, LAST, known, offset_at


@dataclass(frozen=True)
class Timeline(ABC):
    """The slots of a calendar from an anchor on: a naive local minute, included."""

    calendar: Calendar
    anchor: datetime
    tz: ZoneInfo

    # Those that may need a correction.
    changes = staticmethod(changes)

    def next(self, after: datetime | None) -> datetime | None:
        """The first slot strictly after an instant, or of all; None or OverflowError when there is none."""
        if after is not None and after >= self.opening:
            # Where no clock changes near the question nor near the slot: in half the time.
            offset = steady_offset(self.tz, after)
            local = None if offset is None else self.calendar.after(after + offset)
            if local is not None and offset is not None:
                slot = local - offset
                there = steady_offset(self.tz, slot)
                if there is not None:
                    return slot if there == offset else slot + (offset - there)
        return self.find_next(after)

    @abstractmethod
    def find_next(self, after: datetime | None) -> datetime | None:
        """`next`, wherever clocks change."""

    @abstractmethod
    def reached(self, instant: datetime) -> datetime:
        """The local time that parts the slots at or before the instant from those after it."""

    @abstractmethod
    def correction(self, change: Change) -> int:
        """How many slots a change adds to the calendar's local times, or takes from them."""

    def count(self, after: datetime | None, until: datetime) -> int:
        """How many slots lie in (after, until]: arithmetic, and the zone's changes."""
        if until < self.opening or (after is not None and until <= after):
            return 0
        since = after if after is not None and after >= self.opening else _minute_before(self.opening)
        uncorrected = self.calendar.count(self.reached_or_start(after), self.reached(until))
        return uncorrected + sum(map(self.correction, self.changes(self.tz, since, until)))

    @cached_property
    def opening(self) -> datetime:
        """The instant of the anchor; for one in a gap, the end of the gap."""
        change = change_at(self.anchor, self.tz)
        try:
            if change is not None and change.gap > NO_GAP:
                return instant_at(change.end, change.after)
            return instant_at(self.anchor, offsets_of(self.anchor, self.tz)[0])
        except OverflowError:
            # Of the first day there is, so that every clock already shows some time.
            return FIRST + DAY if self.anchor.year == FIRST.year else LAST

    @cached_property
    def start(self) -> datetime:
        """The local time after which slots begin."""
        return _minute_before(self.anchor)

    def reached_or_start(self, after: datetime | None) -> datetime:
        return self.start if after is None or after < self.opening else self.reached(after)

    def skipped(self, change: Change) -> int:
        """How many of the calendar's local times a gap skips."""
        return self.calendar.count(max(change.first - SECOND, self.start), change.end - SECOND)


class OncePerLocalTime(Timeline):
    """Each local time is one slot at most, and a repeated one that of its first pass."""

    @abstractmethod
    def slot(self, local: datetime) -> datetime | None:
        """The instant of a local time; None when there is none."""

    def slot_on(self, day: date) -> datetime | None:
        """The slot of any day at the anchor's time."""
        return self.slot(datetime.combine(day, self.anchor.time()))

    def find_next(self, after: datetime | None) -> datetime | None:
        local = self.calendar.after(self.reached_or_start(after))
        while local is not None:
            slot = self.slot(local)
            if slot is not None:
                return slot
            change = change_at(local, self.tz)
            local = self.calendar.after(change.end - SECOND if change else local)
        return None


class NamedTimeline(OncePerLocalTime):
    """Its calendar has one time of day."""

    changes = staticmethod(listed_changes)

    def slot(self, local: datetime) -> datetime | None:
        return shifted_instant(local, self.tz)

    def reached(self, instant: datetime) -> datetime:
        local = latest_time(instant, self.tz)
        if local.year == FIRST.year or not self._skipped_since(local - LONGEST_GAP, local):
            return local
        # Shifted by a gap, a local time is still to come although the clock is already past it.
        newest = self.calendar.after(local - LONGEST_GAP)
        slot = self.slot(newest) if newest is not None and newest <= local else None
        return _minute_before(newest) if newest is not None and slot is not None and slot > instant else local

    def _skipped_since(self, earlier: datetime, local: datetime) -> bool:
        """Whether clocks have gone forward between these local times."""
        return known(self.tz.utcoffset(earlier)) < known(self.tz.utcoffset(local))

    def correction(self, change: Change) -> int:
        return -self.skipped(change) if change.gap > LONGEST_GAP else 0


class AllDayTimeline(OncePerLocalTime):
    """Its calendar has days, each at 23:59; a slot is the last minute of its day."""

    changes = staticmethod(listed_changes)

    def slot(self, local: datetime) -> datetime | None:
        return last_minute(local.date(), self.tz)

    def reached(self, instant: datetime) -> datetime:
        day = wall_time(instant, self.tz).replace(hour=23, minute=59)
        while (slot := self.slot(day)) is not None and slot > instant:
            if day.toordinal() == 1:
                return day
            day -= DAY
        return day

    def correction(self, change: Change) -> int:
        """A day that a gap takes whole has no slot."""
        days = (
            range(max(change.first, self.anchor).toordinal(), change.end.toordinal() + 1)
            if change.gap >= DAY
            else ()
        )
        return -sum(
            self.calendar.days.includes(day)
            for day in map(date.fromordinal, days)
            if last_minute(day, self.tz) is None
        )


class FixedCronTimeline(OncePerLocalTime):
    def slot(self, local: datetime) -> datetime | None:
        change = change_at(local, self.tz)
        if change is None or change.gap <= NO_GAP or change.gap > LONGEST_GAP:
            return shifted_instant(local, self.tz)
        return instant_at(change.end, change.after)

    def reached(self, instant: datetime) -> datetime:
        return latest_time(instant, self.tz)

    def correction(self, change: Change) -> int:
        skipped = self.skipped(change) if change.gap > NO_GAP else 0
        if skipped == 0 or change.gap > LONGEST_GAP:
            return -skipped
        has_a_slot_there = self.calendar.count(change.end - SECOND, change.end + MINUTE - SECOND)
        return -skipped if has_a_slot_there else 1 - skipped


class WildcardCronTimeline(Timeline):
    def find_next(self, after: datetime | None) -> datetime | None:
        instant = self.opening if after is None else max(after, self.opening)
        asked = self.reached_or_start(after)
        offset = offset_at(instant, self.tz)
        local = self.calendar.after(asked)
        while local is not None:
            slot = instant_at(local, offset)
            change = next(changes(self.tz, instant, slot), None)
            if change is None:
                return slot
            instant, offset = change.at, change.after
            begin = wall_time(instant, self.tz) - SECOND
            if not asked <= begin < local:
                asked, local = begin, self.calendar.after(begin)
        return None

    @cached_property
    def start(self) -> datetime:
        return _minute_before(wall_time(self.opening, self.tz))

    def reached(self, instant: datetime) -> datetime:
        return wall_time(instant, self.tz)

    def correction(self, change: Change) -> int:
        if change.gap > NO_GAP:
            return -self.skipped(change)
        return self.calendar.count(change.first - SECOND, change.end - SECOND)


def _minute_before(moment: datetime) -> datetime:
    try:
        return moment - MINUTE
    except OverflowError:  # there is none before the first minute of the year 1
        return moment
