"""Every key of the project in Redis: `todo-app::<entity-type>::<entity-id>`."""


def reminder_sent(task_id: int) -> str:
    """When a reminder of the task last reached a device (ISO 8601)."""
    return f"todo-app::reminder-sent::task-{task_id}"


def cached(key: str, key_prefix: str, version: object) -> str:
    """What Django's cache framework keeps (a `KEY_FUNCTION`): the prefix is the entity type."""
    del version
    return f"todo-app::{key_prefix}::{key}"


def task_updates(user_id: str) -> str:
    """A stream of the user's last changes; the id of an entry is the id of an event of the live stream."""
    return f"todo-app::task-updates::{user_id}"


def task_update_passed(task_id: int) -> str:
    """The version of the task that went into its user's stream last."""
    return f"todo-app::task-update-passed::task-{task_id}"


def stream_ticket(ticket_id: str) -> str:
    """That a ticket of the live stream was used."""
    return f"todo-app::stream-ticket::{ticket_id}"


# A channel: whose stream has something new (the user's id), and what, when it is short.
TASK_UPDATE_HINTS = "todo-app::task-update-hints::all"
# A channel: events were committed. Its messages are empty.
RELAY_HINTS = "todo-app::relay-hints::all"
