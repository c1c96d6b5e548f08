"""The `sync` group adds changes of tasks to the live stream of their user."""

import json
from collections.abc import Sequence

from events_app.envelope import Event
from events_app.groups import NotNow, handles
from state_store import task_updates
from state_store.task_updates import NewUpdate


@handles("task.sync", group="sync", transactional=False, in_batches=True)
def on_sync(events: Sequence[Event]) -> None:
    try:
        task_updates.add([_update_of(event) for event in events])
    except task_updates.StateStoreUnavailable as error:
        # If the event were given up, connected clients would miss it without a reset.
        raise NotNow(f"The state store is unavailable: {error}") from error


def _update_of(event: Event) -> NewUpdate:
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
    return NewUpdate(data["user_id"], data["task_id"], event.sequence, text)
