"""What an edit of a task does to its reminders: it arms them again, moves them or cancels them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts_app.models import User
from notifications_app.models import Reminder
from notifications_app.scan import scan_reminders
from tasks_app.models import Task
from tests.notifications_app.conftest import NOON

pytestmark = pytest.mark.usefixtures("noon")

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
OUTRIGHT = {"reminder_at": NOON}
# An hour before, and when it is due.
RELATIVE = {"due_at": NOON + HOUR, "reminder_offsets": [60, 0]}


def at(time: timedelta) -> str:
    return (NOON + time).isoformat()


CASES: dict[str, tuple[dict[str, Any], bool, list[tuple[str, dict[str, Any] | None]], timedelta | None]] = {
    # name: the task, whether it has rung at noon, the edits half an hour later, and when it rings next
    "a later time rings again": (OUTRIGHT, True, [("patch", {"reminder_at": at(3 * HOUR)})], 3 * HOUR),
    "a later time instead": (OUTRIGHT | {"reminder_at": NOON + HOUR}, False,
        [("patch", {"reminder_at": at(3 * HOUR)})], 3 * HOUR),
    "no time": (OUTRIGHT | {"reminder_at": NOON + HOUR}, False, [("patch", {"reminder_at": None})], None),
    "another title": (OUTRIGHT, True, [("patch", {"title": "Call dad"})], None),
    "a later due_at moves what is relative": (RELATIVE | {"due_at": NOON + 3 * HOUR}, False,
        [("patch", {"due_at": at(4 * HOUR)})], 3 * HOUR),
    "a later due_at arms what has rung": (RELATIVE, True, [("patch", {"due_at": at(3 * HOUR)})], 2 * HOUR),
    "an earlier due_at skips what has passed": (RELATIVE | {"due_at": NOON + 3 * HOUR}, False,
        [("patch", {"due_at": at(HOUR)})], HOUR),
    "due_at does not move what is outright": ({"due_at": NOON + HOUR, "reminder_at": NOON + 2 * HOUR}, False,
        [("patch", {"due_at": at(5 * HOUR)})], 2 * HOUR),
    "no due_at": (RELATIVE, True, [("patch", {"due_at": None, "reminder_offsets": []})], None),
    "other offsets": (RELATIVE, True, [("patch", {"reminder_offsets": [60, 15]})], 45 * MINUTE),
    "completed": (RELATIVE, True, [("complete", None)], None),
    "completed and reopened": (RELATIVE, True, [("complete", None), ("reopen", None)], HOUR),
    "reopened after its time": (OUTRIGHT, True, [("complete", None), ("reopen", None)], None),
    "deleted": (RELATIVE, True, [("delete", None)], None),
    "deleted and restored": (RELATIVE, True, [("delete", None), ("restore", None)], HOUR),
    "archived": (RELATIVE, True, [("patch", {"archived": True})], None),
    "archived and back": (RELATIVE, True, [("patch", {"archived": True}), ("patch", {"archived": False})],
        HOUR),
    "snoozed": (RELATIVE, True, [("snooze", {"minutes": 90})], 2 * HOUR),
    "snoozed and moved": (RELATIVE, True, [("snooze", {"minutes": 90}), ("patch", {"due_at": at(4 * HOUR)})],
        3 * HOUR),
    "snoozed and completed": (RELATIVE, True, [("snooze", {"minutes": 90}), ("complete", None)], None),
    "snoozed and ended": (RELATIVE, True, [("snooze", {"minutes": 90}), ("snooze", {"until": None})], HOUR),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_when_it_rings_after_an_edit(
    alice: User, client_of: Callable[[User], APIClient], noon: time_machine.Traveller, name: str
) -> None:
    fields, has_rung, edits, rings_after = CASES[name]
    task = Task.objects.create(user=alice, title="Call mum", reminded_until=NOON - MINUTE, **fields)
    assert scan_reminders() == int(has_rung)
    noon.shift(30 * MINUTE)
    for edit, body in edits:
        assert change(client_of(alice), task, edit, body) in (200, 204)

    rings_at = None if rings_after is None else NOON + rings_after
    assert Task.objects.get().next_reminder_at == rings_at
    assert scan_reminders() == 0
    rung = Reminder.objects.count()
    noon.move_to(rings_at or NOON + timedelta(days=9), tick=False)
    assert scan_reminders() == int(rings_at is not None)
    assert rung_at()[rung:] == ([rings_at] if rings_at else [])


def change(client: APIClient, task: Task, edit: str, body: dict[str, Any] | None) -> int:
    url = f"/api/tasks/{task.pk}"
    if edit in ("patch", "delete"):
        return int(getattr(client, edit)(url, body).status_code)
    return int(client.post(f"{url}/{edit}", body).status_code)


def rung_at() -> list[datetime]:
    return list(Reminder.objects.order_by("id").values_list("reminder_at", flat=True))
