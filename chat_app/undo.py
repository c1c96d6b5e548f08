"""Undoing what one turn changed, as one: the newest change first, each through the services of tasks.

A task or tag that someone has changed since stays as it is, and the answer names it. The results of the
turn's calls say so, for the model.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Subquery
from django.utils import timezone
from rest_framework.exceptions import NotFound

from accounts_app.models import User
from chat_app.history import DECLINED, settle
from chat_app.models import Change, Confirmation, Conversation, Turn
from chat_app.snapshots import RINGING, columns_of
from http_app.errors import Conflict
from recurring_app.models import RecurringTask
from tasks_app.models import Priority, Tag, Task, TaskTag
from tasks_app.services import update_task

CHANGED_SINCE = "changed_since"
GONE = "gone"
IN_USE = "in_use"
NAME_TAKEN = "name_taken"
REASONS = [CHANGED_SINCE, GONE, IN_USE, NAME_TAKEN]
UNDONE = "The user has undone this turn. All is as it was before"


@dataclass(frozen=True)
class Thing:
    """A task or a tag, and what the turn did to it; `reason` says why an undo left it."""

    kind: str
    id: int
    name: str
    action: str
    reason: str = ""


@dataclass
class Undone:
    turn_id: UUID
    undone: list[Thing] = field(default_factory=list)
    left: list[Thing] = field(default_factory=list)


def undo(user: User, *, conversation_id: UUID | None = None, turn_id: UUID | None = None) -> Undone:
    """Undo this turn, or the last turn of the conversation that changed something and was not undone.

    Raises NotFound (404) if the user has no such turn, and Conflict (409): `nothing_to_undo`,
    `already_undone`, `running`.
    """
    with transaction.atomic():
        turn = _locked_turn(user, conversation_id, turn_id)
        answer = Undone(turn.pk)
        changes = list(turn.changes.order_by("position"))
        _Undoing(user, changes, answer).run()
        turn.undone_at = timezone.now()
        turn.save(update_fields=["undone_at"])
        Change.objects.bulk_update(changes, ["undone_at", "left_reason"])
        pending = turn.confirmations.filter(state=Confirmation.State.PENDING)
        declined = list(pending.values_list("call_id", flat=True))
        pending.update(state=Confirmation.State.DECLINED, decided_at=turn.undone_at)
        if turn.conversation:  # not of a call by MCP
            settle(turn.conversation, turn.pk, _results(turn, answer) | dict.fromkeys(declined, DECLINED))
    return answer


def _results(turn: Turn, answer: Undone) -> dict[str, str]:
    """What the model reads as the results of the turn's calls."""
    left = "; ".join(f"{thing.kind} {thing.id} “{thing.name}” ({thing.reason})" for thing in answer.left)
    note = f"{UNDONE}, except: {left}." if left else f"{UNDONE}."
    return {
        call.call_id: json.dumps({"undone": note, **call.result}, ensure_ascii=False)
        for call in turn.calls.all()
    }


def _locked_turn(user: User, conversation_id: UUID | None, turn_id: UUID | None) -> Turn:
    turns = Turn.objects.filter(user=user)
    if conversation_id is not None:
        if not Conversation.objects.filter(user=user, pk=conversation_id).exists():
            raise NotFound("You have no conversation with this id.")
        turns = turns.filter(conversation=conversation_id)
    if turn_id is None:
        found = turns.filter(changes__isnull=False, undone_at=None).order_by("-started_at", "-id")
        turn_id = found.values_list("pk", flat=True).first()
        if turn_id is None:
            raise Conflict("No turn of this conversation has changed anything.", "nothing_to_undo")
    named = turns.filter(pk=turn_id)
    # The conversation first, as a turn does.
    list(Conversation.objects.filter(turns__in=named).select_for_update(no_key=True).values_list("pk"))
    turn = named.select_for_update(no_key=True).first()
    if turn is None:
        raise NotFound("You have no turn with this id.")
    if turn.undone_at is not None:
        raise Conflict("This turn has been undone.", "already_undone")
    if turn.state == Turn.State.RUNNING:
        raise Conflict("This turn is still running. Cancel it, or wait until it has ended.", "running")
    if not turn.changes.exists():
        raise Conflict("This turn has changed nothing.", "nothing_to_undo")
    return turn


# What a task refers to, which may have gone since.
_REFERENCES: dict[str, Any] = {
    "priority_id": Priority,
    "parent_task_id": Task,
    "generated_from_id": Task,
    "recurring_task_id": RecurringTask,
}
# If one of these is set back, so is what is known of the ringing.
_DECIDES_RINGING = {"reminder_at", "reminder_offsets", "due_at", "due_date", "snoozed_until", "timezone"}
Key = tuple[str, int]


class _Undoing:
    """The changes of one turn, and the rows that they are about, which are locked."""

    def __init__(self, user: User, changes: list[Change], answer: Undone) -> None:
        self._user, self._answer = user, answer
        ids = {kind: {one.object_id for one in changes if one.kind == kind} for kind in ("task", "tag")}
        tags = Tag.objects.filter(user=user, pk__in=ids["tag"]).select_for_update(no_key=True)
        self._rows: dict[Key, Any] = {
            ("task", task.pk): task for task in Task.objects.filter(user=user, pk__in=ids["task"]).locked()
        } | {("tag", tag.pk): tag for tag in tags.order_by("pk")}
        # The first change of a thing has what was there before, the last one the version that it left.
        self._of: dict[Key, list[Change]] = {}
        for one in changes:
            self._of.setdefault((one.kind, one.object_id), []).append(one)

    def run(self) -> None:
        # Asked first: to set one back may change another, as a successor goes with its task.
        left = {key: self._why_left(key) for key in self._of}
        # Tags last: one that the turn made can go when its tasks have.
        newest_first = sorted(self._of, key=lambda key: (key[0] == "tag", -self._of[key][-1].position))
        for key in newest_first:
            reason = left[key] or self._set_back(key)
            if not reason:
                self._continue_earlier_turns(key)
            self._note(key, reason)

    def _why_left(self, key: Key) -> str:
        row = self._rows.get(key)
        if row is None:
            return GONE
        return "" if row.version == self._of[key][-1].version_after else CHANGED_SINCE

    def _set_back(self, key: Key) -> str:
        """Set it back to before the turn; the reason if that is not possible."""
        before = self._of[key][0].before
        if key[0] == "tag":
            return self._set_tag_back(self._rows[key], before)
        task = Task.objects.locked().get(pk=key[1])
        if before is None:
            # Opened first, so that what followed its completion goes too.
            update_task(task, completed=False, deleted_at=task.deleted_at or timezone.now())
        else:
            _set_task_back(task, before)
        return ""

    def _set_tag_back(self, tag: Tag, before: dict[str, Any] | None) -> str:
        if before is None:
            made_here = [
                pk for (kind, pk), of_it in self._of.items() if kind == "task" and of_it[0].before is None
            ]
            others = TaskTag.objects.filter(tag=tag).exclude(
                task__in=made_here, task__deleted_at__isnull=False
            )
            if others.exists() or tag.recurring_tasks.exists():
                return IN_USE
            tag.delete()
            return ""
        if Tag.objects.named(tag.user_id, [before["name"]]).exclude(pk=tag.pk).exists():
            return NAME_TAKEN
        tag.name, tag.color = before["name"], before["color"]
        tag.save()
        return ""

    def _continue_earlier_turns(self, key: Key) -> None:
        """It is as an earlier turn left it, at another version: that turn can be undone next."""
        before, (kind, pk) = self._of[key][0].before, key
        if before is not None:
            earlier = Change.objects.filter(turn__user=self._user, kind=kind, object_id=pk, undone_at=None)
            model: Any = Task if kind == "task" else Tag
            now = model.objects.filter(pk=pk).values("version")
            earlier.filter(version_after=before["version"]).update(version_after=Subquery(now))

    def _note(self, key: Key, reason: str) -> None:
        for one in self._of[key]:
            one.undone_at, one.left_reason = (None if reason else timezone.now()), reason
        first, last = self._of[key][0], self._of[key][-1]
        if not (first.was_asked or last.was_asked or reason):
            return  # it followed from another, which is named
        action = first.action if first.before is None else last.action
        thing = Thing(*key, str(self._rows.get(key, "")), action, reason)
        (self._answer.left if reason else self._answer.undone).append(thing)


def _set_task_back(task: Task, before: dict[str, Any]) -> None:
    columns = {name: value for name, value in columns_of(before).items() if getattr(task, name) != value}
    for name, model in _REFERENCES.items():
        if columns.get(name) is not None and not model.objects.filter(pk=columns[name]).exists():
            del columns[name]
    if not columns.keys() & _DECIDES_RINGING:
        columns = {name: value for name, value in columns.items() if name not in RINGING}
    tags = Tag.objects.filter(user=task.user_id, pk__in=before["tag_ids"]).values_list("pk", flat=True)
    update_task(task, tags=list(tags), **columns)
    if before["untouched_version"] == before["version"] and task.untouched_version != task.version:
        # It was a successor that no one had touched, and is one again: it can go with its task.
        update_task(task, untouched_version=task.version)
