"""When it is, in the zone: of a task that is due once, and of the first occurrence of a series."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from quick_add.clock import Clock, in_words
from quick_add.parts import Doubt, Edit, Option, Part, Rule
from quick_add.rules import first_day, is_clamped, is_within_bounds, rule_text
from quick_add.when import When
from recurrence.rules import zone

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Occurrence:
    """A local day, and the instant on it; without one it is all-day. Neither where nothing says when."""

    day: date | None = None
    instant: datetime | None = None
    doubts: tuple[Doubt, ...] = ()


def once(when: When) -> Occurrence:
    """When it is, without a recurrence. It lies ahead, or it is asked for."""
    if when.doubts:
        return Occurrence(when.day, doubts=tuple(when.doubts))
    if when.moment is not None:
        return Occurrence(when.moment.date(), when.moment)
    if when.at is None:
        return Occurrence(when.day)
    if when.day is None:
        return _next_at(when, when.at)
    return on_day(when, when.day, when.at)


def on_day(when: When, day: date, at: time) -> Occurrence:
    """That time on that day; it is asked for where the clocks skip it, or where it has passed."""
    instant = when.clock.instant(day, at)
    if instant is None:
        return Occurrence(day, doubts=(_no_such_time(when, day, at),))
    if instant <= when.clock.now:
        return Occurrence(day, doubts=(_in_the_past(when, day, at),))
    return Occurrence(day, instant)


def _next_at(when: When, at: time) -> Occurrence:
    """The next time that the clocks show this."""
    clock = when.clock
    shown = clock.in_zone(clock.now).replace(tzinfo=None)
    for day in (clock.today, clock.today + _DAY):
        instant = clock.instant(day, at)
        if instant is None:
            if datetime.combine(day, at) > shown:
                return Occurrence(day, doubts=(_no_such_time(when, day, at),))
        elif instant > clock.now:
            return Occurrence(day, instant)
        elif (again := second_pass(clock, day, at)) is not None and again > clock.now:
            return Occurrence(day, doubts=(_which_pass(when, again, at),))
    return Occurrence(clock.today, doubts=(_no_such_time(when, clock.today + _DAY, at),))


def second_pass(clock: Clock, day: date, at: time) -> datetime | None:
    """The instant at which the clocks show this time again, because they were put back."""
    local = datetime.combine(day, at, tzinfo=zone(clock.timezone))
    again = local.replace(fold=1)
    return again if again.utcoffset() != local.utcoffset() else None


def _which_pass(when: When, again: datetime, at: time) -> Doubt:
    clock = when.clock
    minutes = max(1, -(-(again.astimezone(UTC) - clock.now) // timedelta(minutes=1)))
    tomorrow = clock.today + _DAY
    options = [
        when.instead("When the clocks show it again today", f"in {minutes} minutes"),
        when.instead(in_words(tomorrow), f"on {tomorrow.isoformat()} at {at:%H:%M}"),
    ]
    return when.doubt("which_day", f"The clocks are put back, and show {at:%H:%M} twice today.", options)


def _no_such_time(when: When, day: date, at: time) -> Doubt:
    local = datetime.combine(day, at)
    later = when.clock.in_zone(local.replace(tzinfo=zone(when.clock.timezone)).astimezone(UTC))
    options = [
        when.instead(f"{moment:%H:%M} on {in_words(moment.date())}", f"on {moment.date()} at {moment:%H:%M}")
        for moment in (later.replace(tzinfo=None), local + _DAY)
    ]
    text = f"The clocks skip {at:%H:%M} on {in_words(day)}. Which time is meant?"
    return when.doubt("no_such_time", text, options)


def _in_the_past(when: When, day: date, at: time) -> Doubt:
    tomorrow = when.clock.today + _DAY
    options = [
        when.instead(f"{at:%H:%M} on {in_words(tomorrow)}", f"on {tomorrow.isoformat()} at {at:%H:%M}")
    ]
    later = when.clock.instant(day, at.replace(hour=at.hour % 12 + 12))
    if later is not None and later > when.clock.now:
        options.append(when.instead(f"Today at {later:%H:%M}", f"on {day.isoformat()} at {later:%H:%M}"))
    options.append(when.instead("In an hour", "in 1 hour"))
    return when.doubt("in_the_past", f"{at:%H:%M} on {in_words(day)} has passed. When is it?", options)


@dataclass(frozen=True)
class SaidSeries:
    """A recurrence as it was said, with the phrases that say when in the day, where it begins and ends."""

    rule: Part
    when: When
    start: Part | None = None
    end: Part | None = None

    @property
    def text(self) -> str:
        return rule_text(self._rule)

    @property
    def _rule(self) -> Rule:
        rule: Rule = self.rule.value
        return rule

    def first(self) -> Occurrence:
        """The first occurrence that lies ahead; without a time it is all-day, and today counts."""
        when, rule = self.when, self._rule
        if when.doubts:
            return Occurrence(doubts=tuple(when.doubts))
        if when.day_parts or when.moment is not None:
            return self._asked("which_day", "The recurrence says one day, and these words another.")
        if not is_within_bounds(rule):
            return self._asked(
                "which_times", "A recurrence has at most 999 days, 104 weeks, 60 months or 10 years."
            )
        if when.is_midnight and self.text != "daily":
            return self._asked(
                "which_day", "The midnight at the start of that day, or at its end?", "00:00", "23:59"
            )
        start = when.clock.today if self.start is None else self.start.value
        return self._from(start)

    def _from(self, start: date) -> Occurrence:
        rule, when, clock = self._rule, self.when, self.when.clock
        day = first_day(rule, start)
        if day is not None and when.at is not None:
            instant = clock.instant(day, when.at)
            if instant is not None and instant <= clock.now:
                if self.start is None and rule.interval > 1 and not (rule.weekdays or rule.month_day):
                    return self._ask_for_start(day)
                day = self._following(day)
        if day is None:
            return self._asked("no_such_date", "That day never comes.")
        if is_clamped(rule, day):
            return self._asked("which_day", f"Not every period has a day {day.day}. Which day is meant?")
        if self.end is not None and day > self.end.value:
            return self._asked("which_day", "That ends before it begins. Until which day?")
        if when.at is None:
            return Occurrence(day)
        instant = clock.instant(day, when.at)
        if instant is None:
            return Occurrence(day, doubts=(self._no_such_time(day),))
        return Occurrence(day, instant)

    def _following(self, day: date) -> date | None:
        """The first day after the one whose time has passed."""
        rule = self._rule
        if rule.names_a_day:
            return first_day(rule, day + _DAY)
        dated = {
            "WEEKLY": Rule("WEEKLY", weekdays=(day.weekday(),)),
            "MONTHLY": Rule("MONTHLY", month_day=day.day),
            "YEARLY": Rule("YEARLY", month=day.month, month_day=day.day),
        }
        return first_day(dated[rule.freq], day + _DAY)

    def _no_such_time(self, day: date) -> Doubt:
        at, next_day = self.when.at, day + _DAY
        assert at is not None
        local = datetime.combine(day, at, tzinfo=zone(self.when.clock.timezone))
        later = self.when.clock.in_zone(local.astimezone(UTC))
        options = [
            self.when.instead(f"At {later:%H:%M}", f"at {later:%H:%M}"),
            self.when.instead(
                f"At {at:%H:%M}, from the day after", f"at {at:%H:%M} from {next_day.isoformat()}"
            ),
        ]
        text = f"The clocks skip {at:%H:%M} on {in_words(day)}, the first day. Which time is meant?"
        return self.when.doubt("no_such_time", text, options)

    def _ask_for_start(self, day: date) -> Occurrence:
        at = self.when.at
        options = []
        for start in (day + _DAY, self._period_later(day)):
            words = f"{self.when.words.text(self.rule.first, self.rule.last)} from {start.isoformat()}"
            options.append(Option(f"From {in_words(start)}", (Edit(self.rule.first, self.rule.last, words),)))
        text = f"{at:%H:%M} has passed today. From which day on?"
        return Occurrence(
            day, doubts=(Doubt("which_day", text, self.rule.first, self.rule.last, tuple(options)),)
        )

    def _period_later(self, day: date) -> date:
        rule = self._rule
        days = {"DAILY": 1, "WEEKLY": 7}.get(rule.freq)
        if days is not None:
            return day + timedelta(days=days * rule.interval)
        every = Rule("MONTHLY", month_day=min(day.day, 28))
        return first_day(every, day + 28 * rule.interval * _DAY) or day + _DAY

    def _asked(self, code: str, text: str, *times: str) -> Occurrence:
        """A question about the whole: without a choice of its own the words can be left out, or title."""
        parts = [self.rule, *self.when.parts, *(p for p in (self.start, self.end) if p is not None)]
        first, last = min(part.first for part in parts), max(part.last for part in parts)
        options = tuple(self.when.instead(f"At {at}", f"at {at}") for at in times)
        if not options:
            options = self._fewer()
        return Occurrence(doubts=(Doubt(code, text, first, last, options),))

    def _fewer(self) -> tuple[Option, ...]:
        """The recurrence without the other phrases, or those without the recurrence."""
        said = self.when.words.text
        others = [*self.when.day_parts, *(part for part in (self.start, self.end) if part is not None)]
        if not others:
            return ()
        return (
            Option(
                said(self.rule.first, self.rule.last),
                tuple(Edit(part.first, part.last, "") for part in others),
            ),
            Option(said(others[0].first, others[0].last), (Edit(self.rule.first, self.rule.last, ""),)),
        )
