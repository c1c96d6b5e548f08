"""What a notification says, whatever the channel that carries it."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.template.defaultfilters import pluralize

from notifications_app import actions
from notifications_app.models import Delivery, Reminder
from tasks_app.models import Task

# Four characters are base64url too (`tag_of_task`).
_TEST_TAG = "test"
# A list names so many titles; the page that it opens has all.
_TITLES = 5


@dataclass(frozen=True, kw_only=True)
class Message:
    """A title, a text (may be empty), and where a tap leads.

    A message replaces an earlier one of the same `tag` on the device. `navigate` and `links` are absolute
    URLs; the names of `links` are those of `notifications_app.actions.links`. Without a task it is a list, or
    a test.
    """

    title: str
    body: str = ""
    tag: str
    navigate: str
    links: Mapping[str, str] = field(default_factory=dict)
    task: Task | None = None
    reminder_at: datetime | None = None


def message_of(delivery: Delivery) -> Message:
    """The message of a delivery. Reads its reminder's task, or its `due_task`, or `wanted`."""
    if delivery.reminder:
        return _of_reminder(delivery.reminder)
    if delivery.due_task:
        return _of_due_soon(delivery.due_task)
    return _of_notice(delivery) if delivery.notice else _test()


def message_of_list(user_id: UUID, notice: Delivery.Notice, titles: Sequence[str]) -> Message:
    """One message for several reminders, with their titles in the order in which they came due."""
    words = "missed reminder" if notice is Delivery.Notice.MISSED else "reminder"
    more = [f"and {len(titles) - _TITLES} more"] if len(titles) > _TITLES else []
    return Message(
        title=f"{len(titles)} {words}{pluralize(len(titles))}",
        body="\n".join([*titles[:_TITLES], *more]),
        tag=tag_of_list(user_id, notice),
        navigate=_page(),
    )


def tag_of_task(task_id: int) -> str:
    """The tag of every reminder of a task: 24 characters, for each id up to 2**63 - 1.

    It is also the Topic: at most 32 characters of base64url (RFC 8030, 5.4). Apple decodes it, and refuses a
    length of 1 modulo 4; with a multiple of 4 there are no unused bits, which strict decoders refuse too.
    """
    return f"task-{task_id:019d}"


def tag_of_list(user_id: UUID, notice: Delivery.Notice) -> str:
    """The tag of a user's lists of one kind: 28 characters."""
    return f"{notice:-<6}{urlsafe_b64encode(user_id.bytes).rstrip(b'=').decode()}"


def _of_reminder(reminder: Reminder) -> Message:
    task, links = reminder.task, actions.links(reminder)
    return Message(
        title=task.title,
        body=task.description or "",
        tag=tag_of_task(task.pk),
        navigate=links["open"],
        links=links,
        task=task,
        reminder_at=reminder.reminder_at,
    )


def _of_notice(delivery: Delivery) -> Message:
    """The message of the reminders still wanted, each task once; if only one is wanted, its own message."""
    wanted = [each.reminder for each in delivery.wanted if each.reminder]
    wanted.sort(key=lambda reminder: (reminder.reminder_at, reminder.pk))
    newest = {reminder.task_id: reminder for reminder in wanted}
    notice = Delivery.Notice(delivery.notice or "")
    if notice is Delivery.Notice.LIST and len(newest) == 1:
        return _of_reminder(wanted[-1])
    return message_of_list(delivery.user_id, notice, [reminder.task.title for reminder in newest.values()])


def _of_due_soon(task: Task) -> Message:
    """Beside a reminder of the task, which it does not replace."""
    tag = f"soon-{task.pk:019d}"
    return Message(title=task.title, body="Due within a day", tag=tag, navigate=_page(), task=task)


def _test() -> Message:
    body = "Reminders will arrive on this device."
    return Message(title="Test notification", body=body, tag=_TEST_TAG, navigate=_page())


def _page() -> str:
    return f"{settings.PUBLIC_URL}/app/"
