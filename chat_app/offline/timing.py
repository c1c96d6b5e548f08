"""Commands about times: moving, reminding, snoozing, repeating."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any

from chat_app.language_models import Prompt
from chat_app.offline.changing import asked, call, update, waiting
from chat_app.offline.saying import Choice, Said, Script, Want, moment, refusal, titles
from chat_app.offline.targets import find
from quick_add import Understood, understand_when
from recurrence.rules import instant_of

_AMOUNT = r"(?P<amount>\d{1,4}|an?)\s+(?P<unit>minute|min|hour|day|week)s?"
_BEFORE = re.compile(rf"(?P<rest>.+?)\s+{_AMOUNT}\s+before", re.IGNORECASE)
_FOR = re.compile(rf"(?P<rest>.+?)\s+for\s+{_AMOUNT}", re.IGNORECASE)
_MINUTES = {"minute": 1, "min": 1, "hour": 60, "day": 1_440, "week": 10_080}
# Of words that say when. Each place where they may begin is tried, so that without it a message of 4,000
# characters would take a minute, in the loop of everyone's turns.
_LONGEST_WHEN = 100
_MOST_WORDS_OF_WHEN = 16
# A rule with a day or a time of its own.
_ANCHORED = re.compile(
    r"\d|\b(?:mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|first|last|noon"
    r"|midnight|morning|afternoon|evening)",
    re.IGNORECASE,
)


def move(found: re.Match[str], prompt: Prompt) -> Script:
    """move X to WHEN."""
    text = found["rest"]
    split = _first_that_reads(_splits(text, r"\s+(?:to|until|till)\s+"), prompt)
    if split is None:
        return Said("To which day or time? Say it as in: move pay rent to friday at 9.")
    what, words = split
    when = _understood(words, prompt)
    if when.questions:
        return asked(when.questions[0], lambda other: f"move {what} to {other}")
    if set(when.fields) not in ({"due_at"}, {"due_date"}):
        return Said(f"“{words}” is more than a day or a time. Say only when it is to be due.")
    tasks = yield from find(what, prompt, lambda name: f"move {name} to {words}")
    if isinstance(tasks, Said):
        return tasks
    due = when.fields.get("due_at") or when.fields["due_date"]
    said = f"Moved {titles(tasks)} to {moment(due.isoformat())}."
    return (yield from call("reschedule_tasks", tasks, _new_due(due), said))


def remind_of(found: re.Match[str], prompt: Prompt) -> Script:
    """remind me of X WHEN: of a task that is there."""
    text = found["rest"]
    if before := _BEFORE.fullmatch(text):
        return (yield from _remind_before(before, prompt))
    split = _first_that_reads(_suffixes(text), prompt)
    if split is None:
        return Said("When? Say it as in: remind me of pay rent tomorrow at 9.")
    what, words = split
    when = _understood(words, prompt)
    if when.questions:
        return asked(when.questions[0], lambda other: f"remind me of {what} {other}")
    at = _reminder(when, prompt)
    if at is None:
        return Said(f"“{words}” is more than one time. Say only when to remind you.")
    tasks = yield from find(what, prompt, lambda name: f"remind me of {name} {words}")
    if isinstance(tasks, Said):
        return _or_add(tasks, what, words)
    said = f"I will remind you of {titles(tasks)} on {moment(at.isoformat())}."
    return (yield from update(tasks, {"reminder_at": at.isoformat()}, said))


def snooze(found: re.Match[str], prompt: Prompt) -> Script:
    """snooze X for 20 minutes, snooze X until WHEN."""
    text = found["rest"]
    if amount := _FOR.fullmatch(text):
        minutes = _minutes(amount)
        what, words = amount["rest"], text[len(amount["rest"]) :].strip()
        arguments: dict[str, Any] = {"minutes": minutes}
        said_until = words
    else:
        split = _first_that_reads(_splits(text, r"\s+(?:to|until|till)\s+"), prompt)
        if split is None:
            return Said("Until when? Say it as in: snooze pay rent for 20 minutes.")
        what, phrase = split
        when = _understood(phrase, prompt)
        if when.questions:
            return asked(when.questions[0], lambda other: f"snooze {what} until {other}")
        at = _reminder(when, prompt)
        if at is None:
            return Said(f"“{phrase}” is more than one time. Say only until when.")
        arguments, words, said_until = {"until": at.isoformat()}, f"until {phrase}", moment(at.isoformat())
    tasks = yield from find(what, prompt, lambda name: f"snooze {name} {words}")
    if isinstance(tasks, Said):
        return tasks
    return (yield from call("snooze_tasks", tasks, arguments, f"Snoozed {titles(tasks)}: {said_until}."))


def repeat(found: re.Match[str], prompt: Prompt) -> Script:
    """repeat X every month on the 31st."""
    what, words = found["what"], found["rule"]
    spelled = {"daily": "every day", "weekly": "every week", "monthly": "every month"}.get(
        words.lower(), words
    )
    when = _understood(re.sub(r"^each\b", "every", spelled, flags=re.IGNORECASE), prompt)
    if when.questions:
        return asked(when.questions[0], lambda other: f"repeat {what} {other}")
    rule = when.fields.get("recurrence_rule")
    if when.rest or not rule:
        return Said(f"I did not understand how often “{words}” is. Say it as in: every monday at 9.")
    tasks = yield from find(what, prompt, lambda name: f"repeat {name} {words}")
    if isinstance(tasks, Said):
        return tasks
    if len(tasks) != 1:
        return Said("Only one task can be given a rule at a time.")
    task = tasks[0]
    due = when.fields.get("due_at") or when.fields.get("due_date")
    if due and (_ANCHORED.search(words) or not (task.get("due_at") or task.get("due_date"))):
        # The rule counts from the due time.
        result = yield Want("reschedule_tasks", {"task_ids": [task["id"]], **_new_due(due)})
        if said := refusal(result) or waiting(result, f"move “{task['title']}”"):
            return said
    end = when.fields.get("recurrence_end")
    arguments = {"task_id": task["id"], "recurrence_rule": rule}
    result = yield Want("change_rule", arguments | ({"recurrence_end": end.isoformat()} if end else {}))
    if said := refusal(result) or waiting(result, f"repeat “{task['title']}”"):
        return said
    changed = result.get("task", {})
    first = changed.get("due_at") or changed.get("due_date")
    return Said(
        f"“{task['title']}” recurs: {changed.get('recurs') or rule}."
        + (f" It is due on {moment(first)}." if first else "")
    )


def stop_repeating(found: re.Match[str], prompt: Prompt) -> Script:
    tasks = yield from find(found["what"], prompt, lambda name: f"stop repeating {name}")
    if isinstance(tasks, Said):
        return tasks
    if len(tasks) != 1:
        return Said("Only one rule can be taken away at a time.")
    result = yield Want("change_rule", {"task_id": tasks[0]["id"], "stop": True})
    if said := refusal(result) or waiting(result, f"stop “{tasks[0]['title']}”"):
        return said
    return Said(f"“{tasks[0]['title']}” recurs no more.")


def skip(found: re.Match[str], prompt: Prompt) -> Script:
    tasks = yield from find(found["what"], prompt, lambda name: f"skip {name}")
    if isinstance(tasks, Said):
        return tasks
    return (yield from call("skip_tasks", tasks, {}, f"Skipped {titles(tasks)}."))


def _new_due(due: date) -> dict[str, str]:
    """The argument of reschedule_tasks for a day or, with a datetime, a time."""
    return {"to_time" if isinstance(due, datetime) else "to_day": due.isoformat()}


def _remind_before(found: re.Match[str], prompt: Prompt) -> Script:
    minutes, words = _minutes(found), found[0][len(found["rest"]) :].strip()
    tasks = yield from find(found["rest"], prompt, lambda name: f"remind me of {name} {words}")
    if isinstance(tasks, Said):
        return tasks
    said = f"I will remind you of {titles(tasks)} {words}."
    return (yield from update(tasks, {"reminder_offsets": [minutes]}, said))


def _or_add(said: Said, what: str, words: str) -> Said:
    """Nothing has that name: perhaps it is a new task."""
    if said.choices or not said.text.startswith("I found no"):
        return said
    new = f"remind me {words} to {what}"
    return Said(said.text, [Choice(f"Add a new task: {new}", new), Choice("Do nothing", "never mind")])


def _reminder(when: Understood, prompt: Prompt) -> datetime | None:
    """The time; of a day alone, when the user's day starts."""
    at = when.fields.get("due_at") or when.fields.get("reminder_at")
    day = when.fields.get("due_date")
    if at and set(when.fields) <= {"due_at", "reminder_at"}:
        found: datetime = at
        return found
    if not isinstance(day, date) or set(when.fields) != {"due_date"}:
        return None
    return instant_of(datetime.combine(day, time.fromisoformat(prompt.day_starts_at)), prompt.timezone)


def _understood(words: str, prompt: Prompt) -> Understood:
    return understand_when(words, now=prompt.now, timezone=prompt.timezone)


def _first_that_reads(splits: Iterable[tuple[str, str]], prompt: Prompt) -> tuple[str, str] | None:
    """The first of which the whole second half says when."""
    for what, words in splits:
        when = _understood(words, prompt)
        if not when.rest and (when.fields or when.questions):
            return what, words
    return None


def _splits(text: str, between: str) -> Iterator[tuple[str, str]]:
    """Both sides of each place near the end, the last place first."""
    for found in reversed(list(re.finditer(between, text, re.IGNORECASE))[-_MOST_WORDS_OF_WHEN:]):
        if len(text) - found.end() <= _LONGEST_WHEN:
            yield text[: found.start()], text[found.end() :]


def _suffixes(text: str) -> Iterator[tuple[str, str]]:
    """The words before and after each space near the end, the longest end first."""
    for found in list(re.finditer(r"\s+", text))[-_MOST_WORDS_OF_WHEN:]:
        if len(text) - found.end() <= _LONGEST_WHEN:
            yield text[: found.start()], text[found.end() :]


def _minutes(found: re.Match[str]) -> int:
    amount = int(found["amount"]) if found["amount"].isdigit() else 1
    return amount * _MINUTES[found["unit"].lower()]
