"""Which tasks a command means: by number, by words of the title, by what they have in common."""

import json
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from chat_app.language_models import Prompt
from chat_app.offline.saying import Choice, Said, Want, refusal, task_line
from quick_add import understand_when

Find = Generator[Want, dict[str, Any], "list[dict[str, Any]] | Said"]

_MOST_CHOICES = 9
_MOST_PAGES = 4
_IDS = re.compile(r"(?:tasks?\s+)?#?\d{1,12}(?:\s*(?:,|and|&)\s*#?\d{1,12})*")
_NAMED_BY_NUMBER = re.compile(r"#\d|task")
_PRONOUNS = {"it", "that", "this", "that one", "this one", "them", "those", "these", "all of them"}
_WIDE = re.compile(
    r"(?:everything|all(?:\s+of)?(?:\s+(?:my|the|open))*(?=\s|$))"
    r"(?:\s+(?P<kind>overdue|completed|archived))?(?:\s+(?:open\s+)?(?:tasks|to-?dos|things|items))?"
    r"(?P<rest>.*)",
    re.IGNORECASE,
)
_THAT = re.compile(r"^(?:that(?:'s| is| are)|which (?:is|are))\s+", re.IGNORECASE)
_TAGGED = re.compile(
    r"(?:tagged(?:\s+(?:with|as))?|with(?:\s+the)?\s+tag|#)\s*#?(?P<tag>[^#]+)", re.IGNORECASE
)
_PRIORITY = re.compile(r"(?:with\s+)?(?P<name>\w+)\s+priority", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|my|a|an)\s+", re.IGNORECASE)
_LEADING = re.compile(r"^(?:task|to-?do)\s+(?:(?:called|named)\s+)?(?=\S)", re.IGNORECASE)
_TRAILING = re.compile(r"\s+(?:task|to-?do|reminder)$", re.IGNORECASE)
# ruff: noqa: RUF001 - quotation marks as people type them
_QUOTES = "\"“”'‘’"


@dataclass(frozen=True)
class Condition:
    """What tasks have in common: arguments of list_tasks, and the same in words."""

    arguments: dict[str, Any]
    words: str


def find(what: str, prompt: Prompt, again: Callable[[str], str], *, view: str = "open") -> Find:
    """The tasks, one or more; or what to say instead: that there is none, or which one is meant.

    `again` makes the whole command of another name of the tasks.
    """
    if wide := wide_condition(what, prompt):
        return (yield from _all_of(wide, view))
    if what.lower() in _PRONOUNS:
        return _last_mentioned(prompt, one=what.lower() in ("it", "that", "this", "that one", "this one"))
    if _IDS.fullmatch(what.lower()) and _NAMED_BY_NUMBER.search(what.lower()):
        return (yield from _by_ids([int(text) for text in re.findall(r"\d+", what)]))
    return (yield from _by_words(what, again, view))


def wide_condition(what: str, prompt: Prompt) -> Condition | None:
    """Of `everything due today`, `all overdue tasks`: what they have in common. None for a title."""
    found = _WIDE.fullmatch(what.strip())
    if found is None:
        return None
    kind, rest = (found["kind"] or "").lower(), _THAT.sub("", found["rest"].strip())
    if kind and not rest:
        return Condition({"view": kind}, kind)
    if not rest:
        return Condition({"view": "open"}, "open")
    known = condition(rest, prompt)
    return known if known and not kind else None


def condition(text: str, prompt: Prompt) -> Condition | None:
    """Of `due today`, `overdue`, `tagged home`, `high priority`; None for anything else."""
    words = text.strip().lower()
    if words in ("overdue", "late"):
        return Condition({"view": "overdue"}, "overdue")
    if words in ("without a due date", "without due date", "without a date", "not due"):
        return Condition({"view": "without_due"}, "without a due date")
    if tagged := _TAGGED.fullmatch(text.strip()):
        tag = tagged["tag"].strip(f" {_QUOTES}")
        return Condition({"view": "open", "tag": tag}, f"tagged “{tag}”")
    if ranked := _PRIORITY.fullmatch(words):
        name = priority_named(ranked["name"], prompt)
        return Condition({"view": "open", "priority": name}, f"of priority {name}") if name else None
    day = day_of(re.sub(r"^(?:due|for)\s+", "", words), prompt)
    return due_on(day) if day else None


def due_on(day: date) -> Condition:
    """What is due on a day, by the user's clock."""
    bounds = {"due_after": f"{day}T00:00", "due_before": f"{day + timedelta(days=1)}T00:00"}
    return Condition({"view": "open", **bounds}, f"due on {day:%A, %d %B}")


def day_of(text: str, prompt: Prompt) -> date | None:
    """The day that these words name, and nothing else."""
    when = understand_when(text, now=prompt.now, timezone=prompt.timezone)
    if when.questions or when.rest or set(when.fields) != {"due_date"}:
        return None
    day: date = when.fields["due_date"]
    return day


def priority_named(word: str, prompt: Prompt) -> str | None:
    """The priority of this name or level."""
    word = word.lstrip("!").lower()
    return next((name for name, level in prompt.priorities if word in (name.lower(), str(level))), None)


def listed(found: Condition) -> Generator[Want, dict[str, Any], "list[dict[str, Any]] | Said"]:
    """All tasks of the condition, of several pages."""
    tasks: list[dict[str, Any]] = []
    for page in range(1, _MOST_PAGES + 1):
        result = yield Want("list_tasks", found.arguments | ({"page": page} if page > 1 else {}))
        if said := refusal(result):
            return said
        tasks += result["tasks"]
        if not result["has_more"]:
            return tasks
    return Said(f"That is more than {len(tasks)} tasks. Do it in parts, for example for one day or one tag.")


def _all_of(found: Condition, view: str) -> Find:
    if found.arguments["view"] == "open" and view != "open":
        found = Condition(found.arguments | {"view": view}, found.words)
    tasks = yield from listed(found)
    if isinstance(tasks, Said) or tasks:
        return tasks
    return Said(f"You have no tasks that are {found.words}.")


def _by_ids(ids: Sequence[int]) -> Find:
    tasks = []
    for pk in ids:
        result = yield Want("get_task", {"task_id": pk})
        if said := refusal(result):
            return said
        tasks.append(result["task"])
    return tasks


def _by_words(what: str, again: Callable[[str], str], view: str) -> Find:
    is_quoted = len(what) > 2 and what[0] in _QUOTES and what[-1] in _QUOTES
    bare = what.strip(_QUOTES) if is_quoted else _ARTICLE.sub("", what.strip())
    name = bare if is_quoted else _TRAILING.sub("", _LEADING.sub("", bare)).strip(_QUOTES)
    if not name or len(name) > 200:
        return Said("Which task?")
    result = yield Want("list_tasks", {"view": view, "q": name})
    if said := refusal(result):
        return said
    tasks = result["tasks"]
    exact = [
        task for task in tasks if task["title"].casefold() in {each.casefold() for each in (name, bare, what)}
    ]
    if len(exact) == 1 or (len(tasks) == 1 and not is_quoted):
        return exact or list(tasks)
    some = exact or ([] if is_quoted else tasks)
    if not some:
        where = {"completed": "completed ", "trash": "such "}.get(view, "open ")
        return Said(f"I found no {where}task “{name}”{' in the trash' if view == 'trash' else ''}.")
    if len(some) > _MOST_CHOICES:
        return Said(f"More than {_MOST_CHOICES} tasks have “{name}” in them. Say more of the title.")
    choices = [Choice(task_line(task), again(f"#{task['id']}")) for task in some]
    return Said(f"Which “{name}” do you mean?", choices)


def _last_mentioned(prompt: Prompt, *, one: bool) -> "list[dict[str, Any]] | Said":
    tasks = next(_mentioned(prompt), [])
    if not tasks or (one and len(tasks) != 1):
        return Said("Which task do you mean? Say words of its title.")
    return tasks


def _mentioned(prompt: Prompt) -> Iterator[list[dict[str, Any]]]:
    """The tasks of each result before this message, the last first."""
    last = max(number for number, line in enumerate(prompt.lines) if line.role == "user")
    for line in reversed(prompt.lines[:last]):
        if line.role != "tool":
            continue
        try:
            data = json.loads(line.content)
        except ValueError:
            continue
        if isinstance(data, dict):
            found = data.get("tasks") or ([data["task"]] if data.get("task") else [])
            if found and all(isinstance(task, dict) and "title" in task for task in found):
                yield found
