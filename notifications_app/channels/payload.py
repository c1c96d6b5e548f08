"""The JSON that a browser receives: a declarative push message, which our service worker reads too.

Safari 18.4 and later shows it without a service worker (WebKit: Declarative Web Push; Push API, 3.3.1).
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from notifications_app.channels.cutting import cut
from notifications_app.channels.message import Message

# Mozilla's bridge to Android carries the encrypted body as at most 4,000 characters of base64, which are
# 3,000 bytes. Encryption takes 103 of them (RFC 8188, 2.1: salt 16, record size 4, key length 1, key 65;
# delimiter 1 and tag 16). The others accept 4,096 bytes (RFC 8030, 7.2).
PAYLOAD_BYTES = 2800
# The buttons: the name of the link, and the words on it. Browsers show two.
_BUTTONS = {"complete": ("complete", "Complete"), "snooze": ("snooze_10_minutes", "Snooze 10 minutes")}


def payload_of(message: Message) -> bytes:
    """The whole message as JSON, at most PAYLOAD_BYTES long: the body is cut, and the title is not.

    Without a body, buttons and links if only the title has room beside the rest.
    """
    whole = _json(_notification(message, body=message.body))
    if len(whole) <= PAYLOAD_BYTES:
        return whole
    left = PAYLOAD_BYTES - len(_json(_notification(message, body="")))
    if left < 0:
        return title_alone(message)
    return _json(_notification(message, body=cut(message.body, left - len(',"body":""'))))


def title_alone(message: Message) -> bytes:
    """The shortest form, for a push service that refuses the whole one: at most PAYLOAD_BYTES too."""
    content = {"navigate": message.navigate, "tag": message.tag, "data": _data(message)}
    left = PAYLOAD_BYTES - len(_json(_declared(content))) - len('"title":"",')
    return _json(_declared({"title": cut(message.title, left)} | content))


def _notification(message: Message, *, body: str) -> dict[str, Any]:
    # `open` is where `navigate` leads already.
    links = {name: url for name, url in message.links.items() if url != message.navigate}
    return _declared(
        {
            "title": message.title,
            "body": body,
            "navigate": message.navigate,
            "tag": message.tag,
            "actions": _buttons(message.links),
            "data": _data(message) | ({"links": links} if links else {}),
        }
    )


def _declared(notification: Mapping[str, Any]) -> dict[str, Any]:
    """8030 is the mark of a declarative message. What is empty is left out."""
    return {"web_push": 8030, "notification": {name: value for name, value in notification.items() if value}}


def _data(message: Message) -> dict[str, Any]:
    """An all-day task has a due_date, and should not be shown with the time of its due_at."""
    task = message.task
    return {
        "task_id": task.pk if task else None,
        "reminder_at": _iso(message.reminder_at),
        "due_at": _iso(task.due_at) if task else None,
        "due_date": _iso(task.due_date) if task else None,
    }


def _iso(moment: date | None) -> str | None:
    return moment.isoformat() if moment else None


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _buttons(links: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"action": action, "title": words, "navigate": links[name]}
        for action, (name, words) in _BUTTONS.items()
        if name in links
    ]
