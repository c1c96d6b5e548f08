"""What the package does: a sentence in, the fields of a task out, or what has to be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from quick_add.answers import Question, Span, Understood
from quick_add.clock import Clock
from quick_add.meanings import Spans
from quick_add.parts import Part
from quick_add.places import counted
from quick_add.questions import questions_of
from quick_add.reading import Item, Reader
from quick_add.settling import Settling
from quick_add.tokens import Words

NO_TITLE = Question("no_title", "What is to be done? The sentence leaves no title.", ())


def understand(text: str, *, now: datetime, timezone: str, priorities: Mapping[str, int]) -> Understood:
    """What a sentence says about a new task.

    `now` is aware, in any offset; `timezone` is an IANA name; `priorities` are the levels of the priorities
    there are, by name. Raises RuleError (bad_timezone), and ValueError for a naive `now`.
    """
    said = _Sentence(text, Clock(now, timezone), priorities)
    questions = said.questions()
    if not said.rest:
        questions.append(NO_TITLE)
    fields = {} if questions else {"title": said.rest, **said.settling.fields}
    return Understood(fields, said.rest, said.spans, tuple(questions))


def understand_when(text: str, *, now: datetime, timezone: str) -> Understood:
    """What a phrase says about days, times, recurrence and reminders: "next friday at 9", "the 31st".

    As `understand`, but the phrase is taken for one wherever it stands, there is no title in `fields`, and
    `rest` are the words that were not understood.
    """
    said = _Sentence(text, Clock(now, timezone), {}, everywhere=True)
    questions = said.questions()
    return Understood({} if questions else said.settling.fields, said.rest, said.spans, tuple(questions))


@dataclass(frozen=True)
class _Sentence:
    text: str
    clock: Clock
    priorities: Mapping[str, int]
    everywhere: bool = False

    @cached_property
    def words(self) -> Words:
        return Words.of(self.text)

    @cached_property
    def items(self) -> list[Item]:
        items = list(Reader(self.words, self.clock, self.priorities, self.everywhere).items())
        return counted(items, self.words, self.clock, everywhere=self.everywhere)

    @cached_property
    def parts(self) -> list[Part]:
        return [part for item in self.items for part in item.parts]

    @cached_property
    def settling(self) -> Settling:
        settling = Settling(self.words, self.clock, of_a_task=self.everywhere)
        settling.settle(self.parts)
        return settling

    @cached_property
    def codes(self) -> set[str]:
        return {doubt.code for doubt in self.settling.doubts}

    @cached_property
    def rest(self) -> str:
        """The words that belong to no phrase, without the marks of quotations."""
        return self._spans.rest

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        return self._spans.listed({} if self.codes else self.settling.fields)

    @cached_property
    def _spans(self) -> Spans:
        return Spans(self.words, tuple(self.items), self.clock)

    def questions(self) -> list[Question]:
        return questions_of(self.settling.doubts, self.words, self.rest, self._codes_of)

    def _codes_of(self, text: str) -> set[str]:
        return _Sentence(text, self.clock, self.priorities, self.everywhere).codes
