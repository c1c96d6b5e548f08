"""From the phrases of a sentence to the fields of a task, or to what has to be asked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from quick_add.clock import Clock, in_words
from quick_add.labels import distinct_tags
from quick_add.occurring import Occurrence, SaidSeries, on_day, once
from quick_add.parts import Doubt, Edit, Option, Part, doubt
from quick_add.tokens import Words
from quick_add.when import When

_WHEN = {"day", "weekday", "moment", "time", "half", "midnight"}
_SERIES = {"rule", "from", "until"}


@dataclass
class Settling:
    """Phrases, sorted by what they are about; then `fields` of a task without its title, and `doubts`.

    `of_a_task`: they are about a task that is there, so that its due date and recurrence need not be said.
    """

    words: Words
    clock: Clock
    of_a_task: bool = False
    fields: dict[str, Any] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    due: list[Part] = field(default_factory=list)
    series: list[Part] = field(default_factory=list)
    reminder: list[Part] = field(default_factory=list)
    offsets: list[Part] = field(default_factory=list)
    reminds: list[Part] = field(default_factory=list)
    series_of_reminder: bool = False

    def settle(self, parts: Iterable[Part]) -> None:
        parts = list(parts)
        self._label(parts)
        self._sort(parts, self.due)
        self._reminders_that_wait()
        occurrence = self._occurrence()
        self._remind(occurrence)

    def _label(self, parts: list[Part]) -> None:
        tags = [part.value for part in parts if part.kind == "tag"]
        if tags:
            self.fields["tags"] = distinct_tags(tags)
        priorities = [part for part in parts if part.kind == "priority"]
        if len({part.value for part in priorities}) > 1:
            self.doubts.append(self._one_of("which_priority", "Which priority is meant?", priorities))
        elif priorities:
            self.fields["priority"] = priorities[0].value

    def _sort(self, parts: Iterable[Part], when: list[Part], *, of_reminder: bool = False) -> None:
        """`when` gets those that say when: it is due, or the reminder is."""
        for part in parts:
            if part.kind in _WHEN:
                when.append(part)
                continue  # what it leaves unclear, others of these may say
            if part.kind in _SERIES:
                self.series.append(part)
                self.series_of_reminder = self.series_of_reminder or of_reminder
            elif part.kind == "before":
                self.offsets.append(part)
            elif part.kind == "remind":
                self.reminds.append(part)
                self._sort(part.value, self.reminder, of_reminder=True)
            self.doubts.extend(part.doubts)

    def _reminders_that_wait(self) -> None:
        """Remind me to call mum tomorrow at 9: the other phrases are about the reminder."""
        waiting = [part for part in self.reminds if not part.value]
        if not waiting or self.offsets or self.reminder:
            return
        if self.due or self.series:
            self.reminder, self.due = self.due, []
            self.series_of_reminder = bool(self.series)
        elif not self.doubts:
            part = waiting[0]
            options = [
                Option("Tomorrow at 9:00", (Edit(part.first, part.first + 2, "remind me tomorrow at 9:00"),)),
                Option("In an hour", (Edit(part.first, part.first + 2, "remind me in 1 hour"),)),
            ]
            self.doubts.append(
                Doubt("which_times", "When is the reminder?", part.first, part.last, tuple(options))
            )

    def _when(self, parts: list[Part]) -> When:
        return When(tuple(parts), self.words, self.clock)

    def _occurrence(self) -> Occurrence:
        """When the task is due, or of a recurring reminder when that is first."""
        rules = [part for part in self.series if part.kind == "rule"]
        if len({part.value for part in rules}) > 1:
            self.doubts.append(self._one_of("which_day", "Which recurrence is meant?", rules))
            return Occurrence()
        if not rules and self.of_a_task:
            self._ends_of_the_task()
        elif not rules:
            self._ends_of_nothing()
        if self.doubts:  # what is unclear by itself comes first
            self.doubts.extend(self._when(self.due).doubts)
            return Occurrence()
        if rules:
            return self._first_of_series(rules[0])
        if not self.due:
            return Occurrence()
        occurrence = once(self._when(self.due))
        self._set_due(occurrence)
        return occurrence

    def _first_of_series(self, rule: Part) -> Occurrence:
        said = [part for part in self.series if part.kind != "rule"]
        ends = {part.kind: part for part in said}
        if len(said) > len(ends):
            self.doubts.append(self._one_of("which_day", "Which day is meant?", said))
        when = self._when(self.reminder if self.series_of_reminder else self.due)
        series = SaidSeries(rule, when, ends.get("from"), ends.get("until"))
        first = series.first()
        self.fields["recurrence_rule"] = series.text
        if series.end is not None:
            self.fields["recurrence_end"] = self.clock.end_of(series.end.value)
        if self.series_of_reminder:
            if self.due:
                places = [*self.due, rule]
                self.doubts.append(self._one_of("which_times", "Which of these is it?", places))
            self._set_reminder(first, when, rule)
            self.reminder = []
        else:
            self._set_due(first)
        return first

    def _ends_of_the_task(self) -> None:
        """Until 30 june: the end of its series; from friday: the day on which it is due."""
        for part in self.series:
            if part.kind == "until":
                self.fields["recurrence_end"] = self.clock.end_of(part.value)
            else:
                self.due.append(Part("day", part.first, part.last, part.value, opened=True))

    def _ends_of_nothing(self) -> None:
        """From friday, until friday: without a recurrence it may be the day, or a part of the title."""
        for part in self.series:
            said = self.words.text(part.first, part.last)
            options = [
                (in_words(part.value), f"on {part.value.isoformat()}"),
                ("It is a part of the title", f'"{said}"'),
            ]
            text = f"Nothing recurs. Is “{said}” the day on which it is due?"
            self.doubts.append(doubt("which_day", text, part.first, part.last, options))

    def _set_due(self, occurrence: Occurrence) -> None:
        self.doubts.extend(occurrence.doubts)
        if occurrence.instant is not None:
            self.fields["due_at"] = occurrence.instant
        elif occurrence.day is not None:
            self.fields["due_date"] = occurrence.day

    def _set_reminder(self, occurrence: Occurrence, when: When, anchor: Part) -> None:
        self.doubts.extend(occurrence.doubts)
        if occurrence.instant is not None:
            self.fields["reminder_at"] = occurrence.instant
        elif not occurrence.doubts:
            said = self.words.text(anchor.first, anchor.last)
            options = [(f"At {at}", f"{said} at {at}") for at in ("09:00", "12:00", "18:00")]
            text = "At what time is the reminder?"
            self.doubts.append(doubt("which_times", text, anchor.first, anchor.last, options))

    def _remind(self, due: Occurrence) -> None:
        if self.offsets:
            self._remind_before()
        if not self.reminder:
            return
        when = self._when(self.reminder)
        if self.doubts:
            self.doubts.extend(when.doubts)
            return
        if self.offsets:
            places = [*self.reminder, *self.offsets]
            self.doubts.append(self._one_of("which_times", "Which reminder is meant?", places))
            return
        on_due_day = when.day is None and when.moment is None and when.at is not None
        if on_due_day and due.day is not None and not when.doubts:
            found = self._on_due_day(when, due)
        else:
            found = once(when)
        self._set_reminder(found, when, self.reminder[-1])
        self._check_order(when)

    def _on_due_day(self, when: When, due: Occurrence) -> Occurrence:
        assert due.day is not None
        assert when.at is not None
        if when.of_kind("midnight"):
            return Occurrence(due.day, doubts=(when.which_midnight(due.day),))
        return on_day(when, due.day, when.at)

    def _check_order(self, when: When) -> None:
        """A reminder after the task is due is not what someone would ask for."""
        due_at, reminder_at = self.fields.get("due_at"), self.fields.get("reminder_at")
        if due_at is None or reminder_at is None or self.doubts or reminder_at < due_at:
            return
        before = due_at - timedelta(hours=1)
        options = [
            when.instead("An hour before it is due", f"on {before.date().isoformat()} at {before:%H:%M}"),
            when.instead("When it is due", f"on {due_at.date().isoformat()} at {due_at:%H:%M}"),
        ]
        if reminder_at > due_at:
            self.doubts.append(when.doubt("which_day", "The reminder would be after it is due.", options))

    def _remind_before(self) -> None:
        if not (self.of_a_task or self.doubts or {"due_at", "due_date"} & set(self.fields)):
            part = self.reminds[0] if self.reminds else self.offsets[0]
            said = self.words.text(part.first, part.last)
            tomorrow = self.clock.after(1)
            options = [
                (f"It is due {in_words(day)}, at 9:00", f"on {day.isoformat()} at 09:00 {said}")
                for day in (tomorrow, tomorrow + timedelta(days=1))
            ]
            text = "Before what? Nothing says when it is due."
            self.doubts.append(doubt("before_what", text, part.first, part.last, options))
        self.fields["reminder_offsets"] = sorted({part.value for part in self.offsets})

    def _one_of(self, code: str, text: str, parts: list[Part]) -> Doubt:
        return self._when(parts).one_of(code, text, parts)
