"""What is answered about a sentence. Positions count Unicode code points of the sentence as it was sent."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Span:
    """Words that were understood: `text` is sentence[start:end], `means` says in English what they mean."""

    start: int
    end: int
    text: str
    means: str


@dataclass(frozen=True)
class Choice:
    """One answer to a question: `text` is the whole sentence to send instead."""

    label: str
    text: str


@dataclass(frozen=True)
class Question:
    """What has to be known first. Of `choices` there are two or more, but none where the title is missing.

    No choice leads to a question of the same code again.
    """

    code: str
    text: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Understood:
    """A sentence, read.

    `fields` has only what the sentence gives: title (str), due_at, reminder_at and recurrence_end (datetime,
    in the zone that was asked), due_date (date), recurrence_rule (str), reminder_offsets (list of minutes),
    priority (a name, as in `priorities`), tags (list of names). It is empty while a question is open.
    `rest` are the words that belong to no phrase: the title.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    rest: str = ""
    spans: tuple[Span, ...] = ()
    questions: tuple[Question, ...] = ()
