"""The events of tags and priorities, with which a consumer can name what `tag_ids` and `priority_id` mean.

Each change is one event, recorded under the lock of its row: so the last one of a key is the current one, and
that is what the compacted topic keeps.
"""

from collections.abc import Iterable
from typing import Any, Literal

from events_app import outbox
from events_app.outbox import NewEvent

Kind = Literal["created", "updated", "deleted"]


def record(labels: Iterable[Any], kind: Kind) -> None:
    """Write an event for each tag or priority. Must run in the transaction of the change."""
    outbox.write([_event(label, kind) for label in labels])


def _event(label: Any, kind: Kind) -> NewEvent:
    name = label._meta.model_name  # tag, priority
    owner = {"user_id": str(label.user_id)} if name == "tag" else {"level": label.level}
    data = {"event_type": kind, "id": label.pk, "name": label.name, "color": label.color, **owner}
    key = f"{name}:{label.pk}"
    return NewEvent(type=f"{name}.{kind}", key=key, subject=key, sequence=label.version, data=data)
