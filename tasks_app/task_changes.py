"""The validated fields of a request for a task, as the columns that they change.

Of two fields for the same thing one is left, what a PUT leaves out gets its default, and columns that follow
for the series are added. Then the task as a whole is checked (tasks_app/validity.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.timezone import now
from rest_framework import serializers

from accounts_app.models import User
from http_app.serializers import by_field
from recurrence.rules import end_of_local_day
from tasks_app.all_day import due_at_of
from tasks_app.following import begin_with_rule, follow_on, no_series
from tasks_app.models import COLUMNS, Tag, Task
from tasks_app.validity import check_task

# Two fields for the same thing: a body sets one of them. Both are allowed where at most one differs from the
# stored task, so that a client can read it, set either of the two, and send everything back.
_NAMES_AND_IDS = [("priority", "priority_id"), ("tags", "tag_ids")]
_EMPTY: dict[str, Any] = {"reminder_at": None, "reminder_offsets": []}
DEFAULTS = {field.attname: field.get_default() for field in Task._meta.concrete_fields}


@dataclass(frozen=True)
class TaskChange:
    """A change of `task`, or a new task of `user` where it is None.

    `put_defaults`: what a PUT gives the fields that were not sent; PATCH does not touch those.
    `past_is_accepted`: this is an import, whose reminders and end may have passed.
    """

    user: User
    task: Task | None
    put_defaults: Mapping[str, Any]
    is_put: bool = False
    past_is_accepted: bool = False

    def columns(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The columns that these fields change, with `tags` or `tag_ids`.

        Raises ValidationError (400) and Conflict (409).
        """
        sent = set(attrs)
        attrs = _settle_pairs(attrs, self.task)
        if {"due_date", "due_at"} & sent:
            attrs = _settle_due(attrs, self.task)
        if self.task is None:
            attrs = {"timezone": self.user.timezone} | attrs
        elif self.is_put:
            attrs = {**self.put_defaults, **attrs}
            if not {"tags", "tag_ids"} & set(attrs):
                attrs["tag_ids"] = set()
        if "priority" in attrs:
            attrs["priority_id"] = attrs.pop("priority")
        if "is_recurring" in attrs:
            self._settle_is_recurring(attrs)
        if attrs.get("recurrence_end") is not None:
            self._settle_end(attrs)
        if {"due_date", "timezone"} & attrs.keys():
            self._settle_due_at(attrs)
        if not {"reminder_at", "reminder_offsets"} & sent:
            self._remind_by_default(attrs)
        follow = attrs.pop("apply_to", "this") == "following"
        if self.task is None and follow and attrs.get("recurrence_rule") is None:
            raise no_series()
        if self.task is not None and (follow or "recurrence_rule" in attrs):
            attrs |= self._series_columns(attrs, follow=follow)
        self._check_together(attrs)
        return attrs

    def _settle_is_recurring(self, attrs: dict[str, Any]) -> None:
        """is_recurring says whether there is a rule; turning it off alone takes the rule away.

        One that is as stored follows the rule, so that what was read can be sent back with another rule.
        """
        wanted = attrs.pop("is_recurring")
        before = self._before["recurrence_rule"]
        rule = attrs.get("recurrence_rule", before)
        if wanted is False and rule == before:
            attrs["recurrence_rule"] = rule = None
        is_as_stored = self.task is not None and wanted == (before is not None)
        if wanted != (rule is not None) and not is_as_stored:
            message = "is_recurring is true exactly when there is a recurrence_rule."
            raise serializers.ValidationError({"is_recurring": [message]}, code="conflict")

    def _settle_end(self, attrs: dict[str, Any]) -> None:
        end = attrs["recurrence_end"]
        if isinstance(end, date) and not isinstance(end, datetime):
            attrs["recurrence_end"] = end_of_local_day(end, self._candidate(attrs).timezone)

    def _settle_due_at(self, attrs: dict[str, Any]) -> None:
        """An all-day task is due at the last minute of its day, in the zone that it gets."""
        if attrs.get("due_date", self._before["due_date"]) is not None:
            attrs["due_at"] = due_at_of(self._candidate(attrs))

    def _remind_by_default(self, attrs: dict[str, Any]) -> None:
        """A task that gets its first due date, and names no reminder, gets the default one of its user."""
        offset = self.user.default_reminder_offset
        is_first = self._before["due_at"] is None and attrs.get("due_at") is not None
        if offset is None or self.past_is_accepted or not is_first:
            return
        after = self._candidate(attrs)
        if after.reminder_at is None and not after.reminder_offsets:
            attrs["reminder_offsets"] = [offset]

    def _series_columns(self, attrs: dict[str, Any], *, follow: bool) -> dict[str, Any]:
        """The columns by which the change is one of the series (tasks_app/following.py)."""
        # Of a request that sends every field, those that it changes are meant.
        few = not attrs.keys() >= self.put_defaults.keys()
        sent = {name for name in attrs if few or attrs[name] != self._before.get(name)}
        if "due_date" not in attrs:  # so due_at follows from the zone
            sent.discard("due_at")
        if follow:
            return follow_on(self._candidate(attrs), self.task, sent)
        return begin_with_rule(self._candidate(attrs), self.task, sent)

    def _check_together(self, attrs: dict[str, Any]) -> None:
        """Check the task with these changes (tasks_app/validity.py)."""
        before = self._before
        changed = {name for name, value in attrs.items() if name in before and value != before[name]}
        try:
            check_task(self._candidate(attrs), changed, self.task, past_is_accepted=self.past_is_accepted)
        except DjangoValidationError as error:
            raise by_field(error) from error

    def _candidate(self, attrs: dict[str, Any]) -> Any:
        """The task with these changes: a record of its columns, which is cheaper than a model."""
        return SimpleNamespace(**self._before | attrs)

    @cached_property
    def _before(self) -> dict[str, Any]:
        """The columns before the change; of a new task, their defaults."""
        if self.task is not None:
            return {name: self.task.__dict__[name] for name in COLUMNS}
        return DEFAULTS | {"user_id": self.user.pk, "created_at": now()}


def _settle_pairs(attrs: dict[str, Any], task: Task | None) -> dict[str, Any]:
    """The validated fields with one of each pair; `task` is the stored one, None for a new task.

    Raises ValidationError (400) if both differ.
    """
    both = [pair for pair in _NAMES_AND_IDS if attrs.keys() >= set(pair)]
    left_out = {_unchanged(attrs, task, *pair) for pair in both}
    settled = {name: value for name, value in attrs.items() if name not in left_out}
    if task is not None and set(attrs) >= set(_EMPTY):
        changed = [name for name in _EMPTY if attrs[name] != getattr(task, name)]
        if len(changed) == 1 and attrs[changed[0]]:
            settled |= {name: empty for name, empty in _EMPTY.items() if name not in changed}
    return settled


def _settle_due(attrs: dict[str, Any], task: Task | None) -> dict[str, Any]:
    """The validated fields with due_date and due_at as they become; one of them was sent.

    A new due_at makes the task timed; null in one of them removes both. Raises ValidationError (400) if both
    are new.
    """
    stored = (task.due_date, task.due_at) if task is not None else (None, None)
    if "due_at" not in attrs:
        return attrs | {"due_at": None}
    if "due_date" not in attrs:
        return attrs | {"due_date": stored[0] if attrs["due_at"] == stored[1] else None}
    new_date, new_time = attrs["due_date"] != stored[0], attrs["due_at"] != stored[1]
    if new_date and new_time and attrs["due_date"] is not None and attrs["due_at"] is not None:
        message = "Send due_date or due_at: a task is due on a day, or at a time."
        raise serializers.ValidationError({"due_date": [message]}, code="conflict")
    if new_date:
        return attrs | {"due_at": attrs["due_at"] if new_time else None}
    return attrs | ({"due_date": None} if new_time else {})


def _unchanged(attrs: dict[str, Any], task: Task | None, name: str, by_id: str) -> str:
    """Which of the two to leave out. Raises ValidationError (400) if both differ."""
    if task is not None and not task._state.adding:  # a bulk may name one that it creates
        if attrs[by_id] == (task.priority_id if name == "priority" else _tags_of(task)[0]):
            return by_id
        if name == "tags" and set(attrs["tags"]) == _tags_of(task)[1]:
            return name
        if name == "priority" and attrs["priority"] == task.priority_id:
            return name
    message = f"Send {name} or {by_id}, not both."
    raise serializers.ValidationError({name: [message]}, code="conflict")


def _tags_of(task: Task) -> tuple[set[int], set[str]]:
    """The ids and the names of its tags."""
    rows = dict(Tag.objects.filter(task_tags__task=task).values_list("pk", "name"))
    return set(rows), set(rows.values())
