"""A change of a task goes into its user's live stream: the `sync` group."""

import json

from events_app.envelope import Event
from events_app.groups import handles
from state_store import task_updates


@handles("task.sync", group="sync")
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
    # A store that is away fails the event, which is parked and comes again in its order.
    task_updates.add(
        user_id=data["user_id"], task_id=data["task_id"], version=event.sequence, text=json.dumps(update)
    )
