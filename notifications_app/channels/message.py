"""What a notification says, whatever the channel that carries it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings

from notifications_app import actions
from notifications_app.models import Delivery, Reminder

_TEST_TAG = "test"


@dataclass(frozen=True, kw_only=True)
class Message:
    """A title, a text (may be empty), and where a tap leads.

    A message replaces an earlier one of the same `tag` on the device. `navigate` and `links` are absolute
    URLs; the names of `links` are those of `notifications_app.actions.links`.
    """

    title: str
    body: str = ""
    tag: str
    navigate: str
    links: Mapping[str, str] = field(default_factory=dict)
    reminder: Reminder | None = None


def message_of(delivery: Delivery) -> Message:
    """The message of a delivery. Reads the reminder's task."""
    return _of_reminder(delivery.reminder) if delivery.reminder else _test()


def tag_of_task(task_id: int) -> str:
    """The tag of every reminder of a task: 24 characters, for each id up to 2**63 - 1.

    It is also the Topic: at most 32 characters of base64url (RFC 8030, 5.4). Apple decodes it, and refuses a
    length of 1 modulo 4; with a multiple of 4 there are no unused bits, which strict decoders refuse too.
    """
    return f"task-{task_id:019d}"


def _of_reminder(reminder: Reminder) -> Message:
    task, links = reminder.task, actions.links(reminder)
    return Message(
        title=task.title,
        body=task.description or "",
        tag=tag_of_task(task.pk),
        navigate=links["open"],
        links=links,
        reminder=reminder,
    )


def _test() -> Message:
    return Message(
        title="Test notification",
        body="Reminders will arrive on this device.",
        tag=_TEST_TAG,
        navigate=f"{settings.PUBLIC_URL}/app/",
    )
