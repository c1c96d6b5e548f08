"""The `sync` group adds changes of tasks to the live stream of their user."""

import json

from events_app.envelope import Event
from events_app.groups import NotNow, handles
from state_store import task_updates


@handles("task.sync", group="sync", transactional=False)
def on_sync(event: Event) -> None:
    data = event.data
    update = {
        "id": str(event.id),
        "type": event.type,
        "task_id": data["task_id"],
        "version": event.sequence,
        "changes": data["changes"],
        "time": event.time.isoformat(),
    }
    text = json.dumps(update, ensure_ascii=False)  # a third of the bytes for what is not English
    try:
        task_updates.add(user_id=data["user_id"], task_id=data["task_id"], version=event.sequence, text=text)
    except task_updates.StateStoreUnavailable as error:
        # If the event were given up, connected clients would miss it without a reset.
        raise NotNow(f"The state store is unavailable: {error}") from error
