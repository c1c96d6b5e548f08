"""Commands that only read, and what else people say."""

import re

from chat_app.language_models import Prompt
from chat_app.offline.saying import Choice, Said, Script, Want, refusal, task_list
from chat_app.offline.targets import Condition, condition, find, listed, priority_named

WHAT_I_CAN = (
    "I understand plain commands, such as: add pay rent on the 31st at 9am #home !high; what is due today;"
    " complete pay rent; move pay rent to friday; remind me of pay rent tomorrow at 8; repeat pay rent every"
    " month; tag pay rent with home; delete pay rent."
)
_FILLERS = re.compile(
    r"\b(?:all|my|the|a|of|me|i|do|have|to|on|is|are|there|open|tasks?|to-?dos?|things?|items?|list|got|please"
    r"|done\s+yet)\b",
    re.IGNORECASE,
)
# What they are called when they are listed, and what people call them.
_VIEWS = {
    "open": ("open", [""]),
    "today": ("due today or overdue", ["today", "due today", "for today"]),
    "upcoming": (
        "due in the next seven days",
        ["upcoming", "next", "this week", "due this week", "due soon"],
    ),
    "completed": ("completed", ["completed", "done"]),
    "archived": ("archived", ["archived"]),
    "trash": ("in the trash", ["in trash", "trash", "deleted"]),
}
_NAMED = {name: Condition({"view": view}, words) for view, (words, names) in _VIEWS.items() for name in names}


def show(found: re.Match[str], prompt: Prompt) -> Script:
    text = found["rest"].strip(" ?.!")
    words = " ".join(_FILLERS.sub(" ", text).split())
    known = _NAMED.get(words.lower()) or condition(text, prompt) or condition(words, prompt)
    if known is None and (name := priority_named(words, prompt)):
        known = Condition({"view": "open", "priority": name}, f"of priority {name}")
    if known is None:
        return Said(
            f"I did not understand which tasks “{text}” are.",
            [
                Choice(f"Search for “{words or text}”", f"find {words or text}"),
                Choice("All open tasks", "list"),
            ],
        )
    tasks = yield from listed(known)
    if isinstance(tasks, Said):
        return tasks
    if not tasks:
        return Said(f"You have no tasks that are {known.words}.")
    return Said(f"Tasks that are {known.words} ({len(tasks)}):\n{task_list(tasks)}")


def search(found: re.Match[str], _prompt: Prompt) -> Script:
    words = found["words"].strip('"“” ')
    result = yield Want("list_tasks", {"view": "all", "q": words[:200]})
    if said := refusal(result):
        return said
    if not result["tasks"]:
        return Said(f"I found no task with “{words}”.")
    return Said(f"Found for “{words}”:\n{task_list(result['tasks'], has_more=result['has_more'])}")


def tags(_found: re.Match[str], _prompt: Prompt) -> Script:
    result = yield Want("list_tags", {})
    if not result.get("tags"):
        return Said("You have no tags.")
    return Said("Your tags:\n" + "\n".join(f"- {tag['name']} ({tag['tasks']})" for tag in result["tags"]))


def why(found: re.Match[str], prompt: Prompt) -> Script:
    tasks = yield from find(found["what"], prompt, lambda name: f"why did {name} ring", view="all")
    if isinstance(tasks, Said):
        return tasks
    result = yield Want("why_reminder", {"task_id": tasks[0]["id"]})
    if said := refusal(result):
        return said
    lines = [f"- {one['at']}: {one['why']}" for one in result["reminders"]]
    return Said("\n".join([f"“{tasks[0]['title']}”: {result['planned']}", *lines]))


def help_(_found: re.Match[str], _prompt: Prompt) -> Script:
    return Said(WHAT_I_CAN)
    yield  # a generator


def nothing(_found: re.Match[str], _prompt: Prompt) -> Script:
    return Said("All right.")
    yield


def undo(_found: re.Match[str], _prompt: Prompt) -> Script:
    return Said(
        "Undo takes back all that the last turn did: the button, or POST /api/conversations/{id}/undo."
    )
    yield
