"""Phrases in a row: on friday at 9, every monday evening until 30 june, tomorrow 9."""

from dataclasses import dataclass, replace

from quick_add.clock import Clock
from quick_add.dates import read_month
from quick_add.days import read_about, read_day, read_from_now, read_in
from quick_add.how_often import read_often
from quick_add.parts import Part, unclear
from quick_add.recurrences import read_days_of_every_month, read_rule
from quick_add.reminders import read_before
from quick_add.times import RANGES, bare_time, read_range, read_time
from quick_add.tokens import Words
from quick_add.vocabulary import ABOUT_A_TIME, FROM, HALVES, NIGHT, UNTIL, ZONES

_GENERAL = {"on", "at", "by", "due"}
_OPENERS = {"on", "at", "every"}
_DAYS = {"day", "weekday"}
_TIMES = {"time", "midnight"}
_JOINS = {"and", "or", "to", "through", "until"}
_JOINING_MARKS = {"-", "–", "/", "&", ","}  # noqa: RUF001
_BEFORE_A_BARE_HOUR = {"day", "weekday", "half", "rule", "unclear", "until", "from"}


@dataclass(frozen=True)
class RunReader:
    """Reads phrases in a row. `everywhere`: the text is known to be such phrases, and they need no opener."""

    words: Words
    clock: Clock
    everywhere: bool = False

    def run(self, at: int, *, opened: bool = False) -> list[Part]:
        """The phrases from there on; `opened`: after remind me. Empty if none begins there."""
        parts: list[Part] = []
        while (part := self._following(at, parts, opened=opened)) is not None:
            if parts and part.first < parts[-1].last:
                parts.pop()
            parts.append(part)
            at = part.last
        # A night before a day is of the title: movie night friday.
        return parts[1:] if len(parts) > 1 and _is_a_night(parts[0]) else parts

    def _following(self, at: int, parts: list[Part], *, opened: bool) -> Part | None:
        words = self.words
        if not parts:
            return self._opened(at) or self._bare(at, opened=opened, alone=True)
        if read_before(words, at) is not None:  # of a reminder
            return None
        if part := self._opened(at):
            return part
        previous = parts[-1]
        if part := self._beside_a_time(at, previous):
            return part
        if part := self._bare(at, opened=False):
            return part
        if previous.kind in _BEFORE_A_BARE_HOUR and (hour := bare_time(words, at)):
            return hour
        return self._joined(at, previous)

    def _opened(self, at: int, *, again: bool = True) -> Part | None:
        """A phrase that begins with a word such as on, or with two: due on, by next."""
        words, word = self.words, self.words.word(at)
        part: Part | None = None
        if word == "every":
            part = read_rule(words, at)
        elif word in UNTIL:
            part = self._until(at)
        elif word in RANGES and (hours := read_range(words, at)):
            part = hours
        elif word in FROM:
            part = self._from(at)
        elif word in ("before", "after"):
            part = read_month(words, at + 1, self.clock)
        elif word == "within":
            part = read_about(words, at + 1)
        elif word == "in" and words.word(at + 1) == "the" and words.word(at + 2) in ("next", "coming"):
            part = read_about(words, at + 3)
        elif word == "in":
            part = read_in(words, at + 1, self.clock) or self._after(at + 1, "in")
        elif word in _GENERAL:
            part = self._after(at + 1, word) or (self._opened(at + 1, again=False) if again else None)
        elif word in ("next", "this"):
            part = self._bare(at, opened=True)
        return None if part is None else part.from_opener(at)

    def _after(self, at: int, opener: str) -> Part | None:
        words, clock = self.words, self.clock
        if found := read_days_of_every_month(words, at):
            return found
        time = read_time(words, at, after=opener)
        if time is not None and (opener == "at" or time.kind == "half"):
            return time
        day = read_day(words, at, clock, opened=True)
        if day is not None and day.weak and opener in ("in", "at") and day.kind == "weekday":
            return None
        return day or time

    def _until(self, at: int) -> Part | None:
        first = at + 1 + (self.words.word(at + 1) == "on")
        day = read_day(self.words, first, self.clock, "until", opened=True)
        if day is not None:
            return self._as("until", day)
        time = read_time(self.words, first, after="until")
        return time and unclear("which_day", "Until which day?", time.first, time.last)

    def _from(self, at: int) -> Part | None:
        first = at + 1 + (self.words.word(at + 1) == "on")
        day = read_day(self.words, first, self.clock, "from", opened=True)
        return self._as("from", day) if day is not None else read_time(self.words, first, after="from")

    def _as(self, kind: str, day: Part) -> Part:
        if day.kind == "weekday":
            day = replace(day, value=self.clock.next_weekday(day.value))
        return replace(day, kind=kind if not day.doubts else "unclear")  # type: ignore[arg-type]

    def _bare(self, at: int, *, opened: bool, alone: bool = False) -> Part | None:
        words = self.words
        if words.word(at) == "each" and (rule := read_rule(words, at)):
            return rule
        part = (
            read_often(words, at)
            or read_from_now(words, at)
            or read_days_of_every_month(words, at)
            or read_time(words, at, after="at" if alone and self.everywhere else "")
            or read_day(words, at, self.clock, opened=opened or self.everywhere)
        )
        if part is None and self.everywhere and words.word(at) == "to":
            following = self._bare(at + 1, opened=True, alone=True)
            part = None if following is None else following.from_opener(at)
        return part

    def _beside_a_time(self, at: int, previous: Part) -> Part | None:
        """On friday after 5, at 9am EST: a time that is not exact, or of another zone."""
        words, word = self.words, self.words.word(at)
        if word in ZONES and previous.kind == "time":
            said = words.text(previous.first, previous.last)
            options = [("In your own time zone", said if said.lower().startswith("at ") else f"at {said}")]
            text = "Times are of your own time zone. At what time is it there?"
            return unclear("which_times", text, previous.first, at + 1, options)
        if word.removesuffix("s") in HALVES and word.endswith("s") and previous.kind in _DAYS:
            said = words.text(previous.first, previous.last)
            options = [("Every week", f"every {said.split()[-1]} at 20:00"), ("Only once", said)]
            return unclear("which_day", "Every week, or only once?", previous.first, at + 1, options)
        if word not in ABOUT_A_TIME or previous.kind not in _BEFORE_A_BARE_HOUR:
            return None
        time = read_time(words, at + 1, after="at")
        if time is None or time.kind != "time":
            return None
        said = words.text(time.first, time.last)
        return unclear("which_times", "At what time exactly?", at, time.last, [(f"At {said}", f"at {said}")])

    def _joined(self, at: int, previous: Part) -> Part | None:
        """Another day or time after and, or, to, a hyphen or a comma: which of them is meant?"""
        words = self.words
        if words.word(at) not in _JOINS and words.mark(at) not in _JOINING_MARKS:
            return None
        other = self._opened(at + 1) or self._bare(at + 1, opened=False)
        is_time = previous.kind in _TIMES
        if other is None and is_time:
            other = bare_time(words, at + 1)
        if other is None:
            return None
        if is_time and other.kind in _TIMES:
            code, text, opener = "which_times", "Which time is meant?", "at"
        elif previous.kind == "weekday" and other.kind == "day" and other.value.weekday() == previous.value:
            return other
        elif previous.kind in (*_DAYS, "rule") and other.kind in _DAYS:
            code, text, opener = "which_day", "Which day is meant?", "on"
        else:
            return other if words.mark(at) == "," else None
        said = [words.text(one.first, one.last) for one in (previous, other)]
        options = [(one, one if one.split()[0].lower() in _OPENERS else f"{opener} {one}") for one in said]
        found = unclear(code, text, previous.first, other.last, options)
        return replace(found, opened=previous.opened)


def _is_a_night(part: Part) -> bool:
    return part.kind == "half" and not part.opened and part.value.name == NIGHT
