"""The content of a notification: the JSON that the service worker on the device receives."""

import json
from typing import Any

from notifications_app.models import Delivery, Reminder

# A push service must accept 4,096 bytes of body (RFC 8030, 7.2). Encryption takes 103 of them (RFC 8188, 2.1:
# salt 16, record size 4, key length 1, key 65; delimiter 1 and tag 16).
PAYLOAD_BYTES = 4096 - 103
# Sizes as JSON. A title of 200 characters always fits, except one of control characters.
TITLE_BYTES = 1000
BODY_BYTES = 2500

_TEST = {
    "title": "Test notification",
    "body": "Reminders will arrive on this device.",
    "task_id": None,
    "reminder_at": None,
    "due_at": None,
    "due_date": None,
}


def payload_of(delivery: Delivery) -> bytes:
    """JSON {title, body?, task_id, reminder_at, due_at, due_date, tag}, at most PAYLOAD_BYTES long.

    An all-day task has a due_date, and should not be shown with the time of its due_at.
    """
    content = _reminder(delivery.reminder) if delivery.reminder else _TEST
    return _json({**content, "tag": tag_of(delivery)})


def tag_of(delivery: Delivery) -> str:
    """The same for every notification of a task, so that a repeat replaces the one before.

    At most 32 characters of base64url, so that it can be a Topic (RFC 8030, 5.4).
    """
    return f"task-{delivery.reminder.task_id}" if delivery.reminder else "test"


def cut(text: str, limit: int) -> str:
    """The beginning of the text whose JSON has at most `limit` bytes, with an ellipsis if it was cut."""
    if _size(text) <= limit:
        return text
    left = limit - _size("…")
    end = 0
    for character in text:
        left -= _size(character)
        if left < 0:
            break
        end += 1
    return text[:end].rstrip() + "…"


def _reminder(reminder: Reminder) -> dict[str, Any]:
    task = reminder.task
    body = {"body": cut(task.description, BODY_BYTES)} if task.description else {}
    return {
        "title": cut(task.title, TITLE_BYTES),
        **body,
        "task_id": task.pk,
        "reminder_at": reminder.reminder_at.isoformat(),
        "due_at": task.due_at.isoformat() if task.due_at else None,
        "due_date": task.due_date.isoformat() if task.due_date else None,
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _size(text: str) -> int:
    return len(_json(text)) - len('""')
