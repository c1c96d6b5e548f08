"""Every Redis key of the project: `todo-app::<entity-type>::<entity-id>`."""

from uuid import UUID


def reminder_sent(task_id: int) -> str:
    """The time when a reminder of the task last reached a device (ISO 8601)."""
    return f"todo-app::reminder-sent::task-{task_id}"


def recurring_task_processed(template_id: int) -> str:
    """The time when tasks were last generated from the template (ISO 8601)."""
    return f"todo-app::recurring-task-processed::template-{template_id}"


def conversation(conversation_id: UUID) -> str:
    """A copy of a conversation's newest messages."""
    return f"todo-app::conversation::{conversation_id}"


def cached(key: str, key_prefix: str, version: object) -> str:
    """A key of Django's cache framework (a `KEY_FUNCTION`). The prefix is the entity type."""
    del version
    return f"todo-app::{key_prefix}::{key}"


def task_updates(user_id: str) -> str:
    """A stream of the user's latest changes. Its entry ids are the event ids of the live stream."""
    return f"todo-app::task-updates::{user_id}"


def task_update_passed(task_id: int) -> str:
    """The newest version of the task that was added to its user's stream."""
    return f"todo-app::task-update-passed::task-{task_id}"


def stream_ticket(ticket_id: str) -> str:
    """Present once a ticket of the live stream was used."""
    return f"todo-app::stream-ticket::{ticket_id}"


# A channel. A message names the user whose stream has a new entry, and contains the entry if it is short.
TASK_UPDATE_HINTS = "todo-app::task-update-hints::all"
# A channel: events were committed. Its messages are empty.
RELAY_HINTS = "todo-app::relay-hints::all"
