"""What a call will do, in words that name everything it touches: what its user is asked to allow.

The words come from the changes that the call would make, not from what a model says about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from accounts_app.models import User
from chat_app.models import Change
from chat_app.snapshots import Changed
from recurrence.rules import local_of
from tasks_app.models import Priority, Tag

Action = Change.Action
_HEADLINES = {
    Action.CREATED: "Create",
    Action.UPDATED: "Change",
    Action.COMPLETED: "Complete",
    Action.REOPENED: "Reopen",
    Action.DELETED: "Move to the trash",
    Action.RESTORED: "Take out of the trash",
}
# By the columns that tools can change: what is not here changes without a word.
LABELS = {
    "title": "title",
    "description": "description",
    "due_at": "due",
    "due_date": "due",
    "reminder_at": "reminder",
    "reminder_offsets": "minutes from its reminders to its due time",
    "snoozed_until": "snoozed until",
    "recurrence_rule": "rule",
    "recurrence_end": "end of the series",
    "recurrence_mode": "counted from",
    "priority_id": "priority",
    "tag_ids": "tags",
    "color": "colour",
    "pinned": "pinned",
    "archived": "archived",
    "rings_in_quiet_hours": "rings in quiet hours",
}
_LONGEST = 80


@dataclass(frozen=True)
class _Names:
    """What the user calls priorities and tags, by id: read once, however many tasks a question names."""

    user: User

    @cached_property
    def priorities(self) -> dict[int, str]:
        return dict(Priority.objects.values_list("pk", "name"))

    @cached_property
    def tags(self) -> dict[int, str]:
        return dict(Tag.objects.filter(user=self.user).values_list("pk", "name"))


def words_of(user: User, changes: Sequence[Changed]) -> str:
    """A line for each kind of change with its number of tasks, and below it a line for each task."""
    asked = [one for one in changes if one.was_asked]
    names = _Names(user)
    lines: list[str] = []
    for kind, noun in (("task", "task"), ("tag", "tag")):
        for action, headline in _HEADLINES.items():
            found = [one for one in asked if one.kind == kind and one.action == action]
            if found:
                lines.append(f"{headline}: {len(found)} {noun}{'s' if len(found) > 1 else ''}")
                lines += [f"- {_named(one)}{_details(names, one)}" for one in found]
    return "\n".join(lines)


def _named(one: Changed) -> str:
    """What it is called now, and which it is; a new one has no id that could be said in advance."""
    before = one.before or one.after
    name = _one_line(before["title" if one.kind == "task" else "name"])
    return f"“{name}”" if one.before is None else f"“{name}” ({one.object_id})"


def _details(names: _Names, one: Changed) -> str:
    if one.action not in (Action.UPDATED, Action.CREATED):
        return ""
    if one.kind == "tag":
        return f": “{_one_line(one.after['name'])}”" if one.before else ""
    if one.before is None:
        due = _value(names, "due_at", one.after)
        return f", due {due}" if due != "none" else ""
    differing = [name for name in LABELS if one.before.get(name) != one.after.get(name)]
    if "due_date" in differing and "due_at" in differing:
        differing.remove("due_date")
    changes = (
        f"{LABELS[name]} {_value(names, name, one.before)} → {_value(names, name, one.after)}"
        for name in differing
    )
    return f": {'; '.join(changes)}"


def _value(names: _Names, name: str, snapshot: dict[str, Any]) -> str:
    value = snapshot[name]
    if value in (None, "", []):
        return "none"
    if name in ("due_at", "due_date") and snapshot["due_date"]:
        return f"{datetime.fromisoformat(snapshot['due_date']):%A, %d %B %Y}"
    if name in ("due_at", "reminder_at", "snoozed_until", "recurrence_end"):
        return f"{local_of(datetime.fromisoformat(value), names.user.timezone):%A, %d %B %Y at %H:%M}"
    if name == "priority_id":
        return names.priorities.get(value, "none")
    if name == "tag_ids":
        known = sorted(names.tags[pk] for pk in value if pk in names.tags)
        return ", ".join(f"“{_one_line(tag)}”" for tag in known) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"“{_one_line(str(value))}”" if isinstance(value, str) else str(value)


def _one_line(text: str) -> str:
    """Text of the user's, so that it cannot look like another line of the question."""
    line = " ".join(text.replace("“", "'").replace("”", "'").split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
