"""What several phrases say together: one day, one time of day, or one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property

from quick_add.clock import Clock, in_words
from quick_add.parts import Doubt, Edit, Option, Part, Time, doubt
from quick_add.tokens import Words
from quick_add.vocabulary import AFTERNOON, EVENING, MORNING, NIGHT, TONIGHT

_DEFAULTS = {MORNING: time(9), AFTERNOON: time(15), EVENING: time(18), TONIGHT: time(20)}
# The bare hours that are of that half of the day for everyone, and what is added to them.
_HOURS = {
    MORNING: (range(1, 12), 0),
    AFTERNOON: (range(1, 7), 12),
    EVENING: (range(5, 12), 12),
    TONIGHT: (range(5, 12), 12),
    NIGHT: (range(8, 12), 12),
}
# The exact times that can be meant beside it.
_SPANS = {
    MORNING: (time(0), time(11, 59)),
    AFTERNOON: (time(12), time(18, 59)),
    EVENING: (time(16), time(23, 59)),
    TONIGHT: (time(16), time(23, 59)),
    NIGHT: (time(18), time(23, 59)),
}
_MINUTE = timedelta(minutes=1)
_MOST_CHOICES = 6


@dataclass(frozen=True)
class When:
    """The phrases of one time: when it is due, or when the reminder is.

    `doubts` are what has to be asked; without any, `day`, `at` and `moment` are what is said.
    """

    parts: tuple[Part, ...]
    words: Words
    clock: Clock

    def of_kind(self, *kinds: str) -> list[Part]:
        return [part for part in self.parts if part.kind in kinds]

    @cached_property
    def moment(self) -> datetime | None:
        """So many minutes from now, to the nearest minute."""
        minutes = [part.value for part in self.of_kind("moment")]
        if not minutes:
            return None
        now = self.clock.in_zone(self.clock.now + minutes[0] * _MINUTE + _MINUTE / 2)
        return now.replace(second=0, microsecond=0)

    @cached_property
    def halves(self) -> list[Part]:
        return self.of_kind("half")

    @cached_property
    def day_parts(self) -> list[Part]:
        return [*self.of_kind("day", "weekday"), *(half for half in self.halves if half.value.is_today)]

    @cached_property
    def day(self) -> date | None:
        """The one day that is said."""
        dates = self._dates
        if dates:
            return dates[0]
        weekdays = self.of_kind("weekday")
        return self.clock.next_weekday(weekdays[0].value) if weekdays else None

    @cached_property
    def _dates(self) -> list[date]:
        dates = [part.value for part in self.of_kind("day")]
        return dates + [self.clock.today] * any(half.value.is_today for half in self.halves)

    @cached_property
    def at(self) -> time | None:
        """The one time of day that is said."""
        if self.of_kind("midnight"):
            return time(0)
        times = self.of_kind("time")
        if times:
            return self._hour_of(times[0].value).at
        names = [half.value.name for half in self.halves]
        return _DEFAULTS.get(names[0]) if names else None

    @property
    def is_midnight(self) -> bool:
        """Whether it is the time at which one day ends and the next begins."""
        return bool(self.of_kind("midnight")) or any(part.value.is_twelve_am for part in self.of_kind("time"))

    def _hour_of(self, said: Time) -> Time:
        """A bare hour is of the half of the day that is said beside it."""
        name = self.halves[0].value.name if self.halves else None
        if not said.is_bare or name is None or said.hour not in _HOURS[name][0]:
            return said
        return said._replace(hour=said.hour + _HOURS[name][1], is_bare=False)

    @cached_property
    def doubts(self) -> list[Doubt]:
        found = [one for part in self.parts if not self._is_settled(part) for one in part.doubts]
        if not found:
            found = [*self._conflicts(), *self._doubts_of_time()]
        return found

    def _is_settled(self, part: Part) -> bool:
        """Whether what is unclear about a phrase by itself is said by another one."""
        if part.kind == "weekday":
            return bool(self._dates)
        return part.kind == "half" and bool(self.of_kind("time")) and part.value.name == NIGHT

    def _conflicts(self) -> list[Doubt]:
        """Two different days, or times, or a moment beside either."""
        moments, times = self.of_kind("moment"), self.of_kind("time", "midnight")
        weekdays = {part.value for part in self.of_kind("weekday")} | {day.weekday() for day in self._dates}
        if len(set(self._dates)) > 1 or len(weekdays) > 1:
            return [self.one_of("which_day", "Which day is meant?", self.day_parts)]
        if len(moments) > 1 or (moments and len(self.parts) > len(moments)):
            return [self.one_of("which_times", "Which time is meant?", [*moments, *times, *self.day_parts])]
        if len({self._hour_of(part.value).at if part.value else part.kind for part in times}) > 1:
            return [self.one_of("which_times", "Which time is meant?", times)]
        if len({half.value.name for half in self.halves}) > 1:
            return [self.one_of("which_times", "Which time is meant?", self.halves)]
        return []

    def one_of(self, code: str, text: str, parts: Sequence[Part]) -> Doubt:
        """Keep one of these phrases, and leave out the others."""
        places = list(dict.fromkeys((part.first, part.last) for part in parts))
        options = [
            Option(
                self.words.text(*kept),
                tuple(Edit(first, last, "") for first, last in places if (first, last) != kept),
            )
            for kept in places[:_MOST_CHOICES]
        ]
        first, last = min(first for first, _ in places), max(last for _, last in places)
        return Doubt(code, text, first, last, tuple(options))

    def _doubts_of_time(self) -> list[Doubt]:
        if self.is_midnight and self.day is not None:
            return [self.which_midnight(self.day)]
        times = self.of_kind("time")
        if not times:
            return []
        said = self._hour_of(times[0].value)
        if self.halves:
            return self._contradictions(said, times[0])
        return [_am_or_pm(said)] if said.is_bare and _is_unclear(said) else []

    def _contradictions(self, said: Time, part: Part) -> list[Doubt]:
        """A time that is not of the half of the day that is said beside it: tonight at 9am."""
        half = self.halves[0]
        earliest, latest = _SPANS[half.value.name]
        if not said.is_bare and earliest <= said.at <= latest:
            return []
        return [self.one_of("am_or_pm", "Which half of the day is meant?", [part, half])]

    def which_midnight(self, day: date) -> Doubt:
        options = [
            self.instead(f"{in_words(one)}, {word} of the day", f"on {one.isoformat()} at 00:00")
            for one, word in (
                (day, "at the start"),
                (day + timedelta(days=1), "at the end, which is the start"),
            )
        ]
        return self.doubt("which_day", "The midnight at the start of that day, or at its end?", options)

    def instead(self, label: str, text: str) -> Option:
        """An option that puts one text in the place of all these phrases."""
        first, *others = sorted(self.parts, key=lambda part: part.first)
        return Option(
            label,
            (Edit(first.first, first.last, text), *(Edit(part.first, part.last, "") for part in others)),
        )

    def doubt(self, code: str, text: str, options: Sequence[Option]) -> Doubt:
        first, last = min(part.first for part in self.parts), max(part.last for part in self.parts)
        return Doubt(code, text, first, last, tuple(options))


def _is_unclear(said: Time) -> bool:
    """A bare hour from 1 to 7 is unclear; 8 to 11 are the morning's, and 12 is noon."""
    return said.hour <= 7


def _am_or_pm(said: Time) -> Doubt:
    minutes = f":{said.minute:02}" if said.minute else ""
    hours = [f"{said.hour}{minutes}{half}" for half in ("am", "pm")]
    first, last = said.number
    return doubt(
        "am_or_pm", f"Is it {hours[0]} or {hours[1]}?", first, last, [(hour, hour) for hour in hours]
    )
