"""Commands that create tasks and change them, aside from their times."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from chat_app.language_models import Prompt
from chat_app.offline.saying import Choice, Said, Script, Want, moment, refusal, titles
from chat_app.offline.targets import find, priority_named
from chat_app.tools.values import MOST_TASKS
from quick_add import Question, understand

_TAGS = re.compile(r"\s*(?:,|\band\b|&)\s*")


def add(found: re.Match[str], prompt: Prompt) -> Script:
    """A new task, by the grammar of quick add."""
    text = found["rest"]
    read = understand(text, now=prompt.now, timezone=prompt.timezone, priorities=dict(prompt.priorities))
    if read.questions:
        return asked(read.questions[0], lambda sentence: f"add {sentence}")
    task = {name: _as_argument(value) for name, value in read.fields.items()}
    result = yield Want("create_tasks", {"tasks": [task]})
    if said := refusal(result) or waiting(result, f"add “{task['title']}”"):
        return said
    return Said(f"Added “{task['title']}”{_details(task)}.")


def complete(found: re.Match[str], prompt: Prompt) -> Script:
    return (yield from _act(found["what"], prompt, "complete", "complete_tasks", "Completed"))


def reopen(found: re.Match[str], prompt: Prompt) -> Script:
    return (
        yield from _act(found["what"], prompt, "reopen", "reopen_tasks", "Opened again:", view="completed")
    )


def delete(found: re.Match[str], prompt: Prompt) -> Script:
    return (yield from _act(found["what"], prompt, "delete", "delete_tasks", "Moved to the trash:"))


def restore(found: re.Match[str], prompt: Prompt) -> Script:
    return (
        yield from _act(
            found["what"], prompt, "restore", "restore_tasks", "Taken out of the trash:", view="trash"
        )
    )


def rename(found: re.Match[str], prompt: Prompt) -> Script:
    title = found["title"].strip('"“” ')
    tasks = yield from find(found["what"], prompt, lambda name: f"rename {name} to {title}")
    if isinstance(tasks, Said):
        return tasks
    if len(tasks) != 1:
        return Said("Only one task can be renamed at a time.")
    return (yield from update(tasks, {"title": title}, f"Renamed “{tasks[0]['title']}” to “{title}”."))


def flag(found: re.Match[str], prompt: Prompt) -> Script:
    """pin, unpin, archive, unarchive."""
    verb = found["verb"].lower()
    field = "pinned" if verb.endswith("pin") else "archived"
    view = "archived" if verb == "unarchive" else "open"
    tasks = yield from find(found["what"], prompt, lambda name: f"{verb} {name}", view=view)
    if isinstance(tasks, Said):
        return tasks
    words = {"pin": "Pinned", "unpin": "Unpinned", "archive": "Archived", "unarchive": "No longer archived:"}
    return (yield from update(tasks, {field: not verb.startswith("un")}, f"{words[verb]} {titles(tasks)}."))


def prioritise(found: re.Match[str], prompt: Prompt) -> Script:
    name = priority_named(found["priority"], prompt)
    if name is None:
        choices = [
            Choice(each, f"set the priority of {found['what']} to {each}")
            for each, _level in prompt.priorities
        ]
        return Said(f"There is no priority “{found['priority'].lstrip('!')}”. Which one?", choices)
    tasks = yield from find(found["what"], prompt, lambda task: f"set the priority of {task} to {name}")
    if isinstance(tasks, Said):
        return tasks
    return (yield from update(tasks, {"priority": name}, f"The priority of {titles(tasks)} is now {name}."))


def tag(found: re.Match[str], prompt: Prompt) -> Script:
    names = _tag_names(found["tags"])
    tasks = yield from find(found["what"], prompt, lambda task: f"tag {task} with {', '.join(names)}")
    if isinstance(tasks, Said):
        return tasks
    said = f"Tagged {titles(tasks)} with {' and '.join(names)}."
    return (yield from call("tag_tasks", tasks, {"add": names}, said))


def untag(found: re.Match[str], prompt: Prompt) -> Script:
    names = _tag_names(found["tags"])
    tasks = yield from find(
        found["what"], prompt, lambda task: f"remove the tags {', '.join(names)} from {task}"
    )
    if isinstance(tasks, Said):
        return tasks
    said = f"Took {' and '.join(names)} off {titles(tasks)}."
    return (yield from call("tag_tasks", tasks, {"remove": names}, said))


def update(tasks: Sequence[dict[str, Any]], fields: dict[str, Any], said: str) -> Script:
    return (yield from call("update_tasks", tasks, fields, said))


def call(tool: str, tasks: Sequence[dict[str, Any]], arguments: dict[str, Any], said: str) -> Script:
    """Call a tool for these tasks, as many at once as it takes, and say it when it is done."""
    ids = [task["id"] for task in tasks]
    for start in range(0, len(ids), MOST_TASKS):
        result = yield Want(tool, {"task_ids": ids[start : start + MOST_TASKS], **arguments})
        if problem := refusal(result) or waiting(result, f"change {titles(tasks)}"):
            return problem
    return Said(said)


def waiting(result: dict[str, Any], what: str) -> Said | None:
    """What to say while the user is asked whether to allow it."""
    return Said(f"I asked whether to {what}.") if result.get("waiting") else None


def asked(question: Question, again: Callable[[str], str]) -> Said:
    """A question of the grammar, with commands as its choices."""
    return Said(question.text, [Choice(choice.label, again(choice.text)) for choice in question.choices])


def _act(what: str, prompt: Prompt, verb: str, tool: str, done: str, *, view: str = "open") -> Script:
    tasks = yield from find(what, prompt, lambda name: f"{verb} {name}", view=view)
    if isinstance(tasks, Said):
        return tasks
    return (yield from call(tool, tasks, {}, f"{done} {titles(tasks)}."))


def _tag_names(text: str) -> list[str]:
    text = re.sub(r"\s+#", ", ", text.strip(" #"))
    return [name.strip(' #"“”') for name in _TAGS.split(text) if name.strip(' #"“”')]


def _as_argument(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value  # a datetime is a date


def _details(task: dict[str, Any]) -> str:
    """What of the sentence was understood, for the user to check."""
    parts = []
    if due := task.get("due_at") or task.get("due_date"):
        parts.append(f"due {moment(due)}")
    if rule := task.get("recurrence_rule"):
        parts.append(f"recurs {rule.removeprefix('rrule:')}")
    if end := task.get("recurrence_end"):
        parts.append(f"until {moment(end[:10])}")
    if at := task.get("reminder_at"):
        parts.append(f"reminder {moment(at)}")
    parts += [f"reminder {minutes} minutes before" for minutes in task.get("reminder_offsets", [])]
    if task.get("priority"):
        parts.append(f"priority {task['priority']}")
    parts += [f"#{name}" for name in task.get("tags", [])]
    return f", {', '.join(parts)}" if parts else ""
