"""Tasks, times and questions in words."""

import re
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

MOST_LISTED = 20
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_NUMBER = re.compile(rf"(?:the\s+)?(?:(?P<digits>\d{{1,2}})|(?P<word>{'|'.join(_ORDINALS)}))(?:\s+one)?[.!]?")


@dataclass(frozen=True)
class Want:
    """A call of a tool that a command needs."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """An answer to a question: `message` is what choosing it says."""

    label: str
    message: str


@dataclass(frozen=True)
class Said:
    """What a command says at its end."""

    text: str
    choices: Sequence[Choice] = field(default_factory=tuple)


# What a command does: it wants tools called, gets their results, and says something at its end.
Script = Generator[Want, dict[str, Any], Said]


def chosen(message: str) -> int | None:
    """The number, of a message that is only that: `2`, `the second one`."""
    found = _NUMBER.fullmatch(message.strip().lower())
    if found is None:
        return None
    return int(found["digits"]) if found["digits"] else _ORDINALS.index(found["word"]) + 1


def numbered(labels: Iterable[str]) -> str:
    return "\n".join(f"{number}. {label}" for number, label in enumerate(labels, 1))


def titles(tasks: Sequence[dict[str, Any]]) -> str:
    """`“Pay rent” and “Call mum”`; of many, the number."""
    if len(tasks) > 5:
        return f"{len(tasks)} tasks"
    named = [f"“{task['title']}”" for task in tasks]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def task_line(task: dict[str, Any]) -> str:
    """`Pay rent (#7), due Tue 31 Mar 09:00, every month`."""
    parts = [f"{task['title']} (#{task['id']})"]
    if due := task.get("due_at") or task.get("due_date"):
        parts.append(f"due {moment(due)}")
    if task.get("recurs"):
        parts.append(task["recurs"])
    if task.get("tags"):
        parts.append(" ".join(f"#{name}" for name in task["tags"]))
    return ", ".join(parts)


def task_list(tasks: Sequence[dict[str, Any]], *, has_more: bool = False) -> str:
    lines = [f"- {task_line(task)}" for task in tasks[:MOST_LISTED]]
    if has_more or len(tasks) > MOST_LISTED:
        lines.append("- and more")
    return "\n".join(lines)


def moment(text: str) -> str:
    """A day or a time of a tool, in words: `Tue 31 Mar 09:00`."""
    if len(text) == 10:
        return f"{date.fromisoformat(text):%a %d %b %Y}"
    return f"{datetime.fromisoformat(text):%a %d %b %Y %H:%M}"


def refusal(result: dict[str, Any]) -> Said | None:
    """Why a tool refused, if it did."""
    if errors := result.get("error"):
        return Said(f"That was refused: {' '.join(one['text'] for one in errors)}")
    return None
