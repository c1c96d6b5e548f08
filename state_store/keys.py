"""Every key of the project in Redis: `todo-app::<entity-type>::<entity-id>`."""


def reminder_sent(task_id: int) -> str:
    """When a reminder of the task last reached a device (ISO 8601)."""
    return f"todo-app::reminder-sent::task-{task_id}"


def cached(key: str, key_prefix: str, version: object) -> str:
    """What Django's cache framework keeps (a `KEY_FUNCTION`): the prefix is the entity type."""
    del version
    return f"todo-app::{key_prefix}::{key}"
