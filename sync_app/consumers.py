"""A change of a task goes into its user's live stream: the `sync` group."""

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
    except task_updates.StateStoreAway as error:
        # An event that is given up would be missed by whoever is connected, and nobody would tell them.
        raise NotNow(f"The state store is away: {error}") from error
