"""A true history, spoilt in one way: the verdict of that name has to find it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

from tests.faults.history import ANNOUNCED, History
from tests.faults.journal import Trouble
from tests.faults.wire import Message


def _with(history: History, **changes: Any) -> History:
    """A history of its own; derived values are computed again."""
    names = History.__dataclass_fields__
    return History(**({name: getattr(history, name) for name in names} | changes))


def _changes(history: History) -> list[Message]:
    return [one for one in history.events if one.topic == "task-events" and one.event["type"] != ANNOUNCED]


def _without(history: History, lost: Message) -> History:
    return _with(history, messages=[one for one in history.messages if one.event["id"] != lost.event["id"]])


def _lost_acknowledged(history: History) -> History:
    entry = next(entry for entry in history.entries if entry.task and entry.changed)
    assert entry.task
    return _without(history, history.changes[entry.task["id"], entry.task["version"]])


def _lost_committed(history: History) -> History:
    return _without(history, next(one for one in history.events if one.topic == "task-updates"))


def _invented(history: History) -> History:
    one = _changes(history)[0]
    event = one.event | {"id": "invented", "sequence": "9999999"}
    return _with(history, messages=[*history.messages, replace(one, event=event, offset=2**40)])


def _unrequested(history: History) -> History:
    # The head of a series or a task of none: the system makes neither by itself, as it does some updates.
    made = next(entry for entry in history.entries if entry.changed and entry.path == "/api/tasks")
    entries = [entry for entry in history.entries if entry.request_id != made.request_id]
    return _with(history, entries=entries)


def _in_task_data(history: History, of: Message, **data: Any) -> History:
    event = deepcopy(of.event)
    event["data"]["task_data"] |= data
    changed = [
        replace(one, event=event) if one.event["id"] == event["id"] else one for one in history.messages
    ]
    return _with(history, messages=changed)


def _unlike_answer(history: History) -> History:
    entry = next(entry for entry in history.entries if entry.task and entry.changed)
    assert entry.task
    return _in_task_data(history, history.changes[entry.task["id"], entry.task["version"]], title="other")


def _unlike_change(history: History) -> History:
    return _in_task_data(history, _changes(history)[0], priority_id=99)


def _reordered(history: History) -> History:
    of_one = next(events for events in history.of_topic("task-events").values() if len(events) > 2)
    first, second = of_one[:2]
    swapped = {first.event["id"]: second, second.event["id"]: first}
    return _with(history, messages=[swapped.get(one.event["id"], one) for one in history.messages])


def _second_successor(history: History) -> History:
    made = next(
        state for state in history.states
        if state.data and history.series_of.get(state.data["series_id"], state.task) != state.task
    )  # fmt: skip
    data = made.data | {"generated_from_id": None} if made.data else None
    # More than its origins can have been completed.
    twins = [replace(made, task=2**40 + number, data=data) for number in range(100)]
    return _with(history, states=[*history.states, *twins])


def _no_successor(history: History) -> History:
    def is_next(task: int) -> bool:
        data = history.by_task[task][0].data
        return bool(data) and history.series_of.get(data["series_id"], task) != task

    return _with(history, states=[state for state in history.states if not is_next(state.task)])


def _reminder_twice(history: History) -> History:
    one = next(one for one in history.events if one.topic == "reminders")
    return _with(history, messages=[*history.messages, replace(one, event=one.event | {"id": "another"})])


def _reminder_missing(history: History) -> History:
    event_id = history.reminders[0][0]
    return _with(history, messages=[one for one in history.messages if one.event["id"] != event_id])


def _push_twice(history: History) -> History:
    return _with(history, pushes=history.pushes + [history.pushes[0]] * 2)


def _other_row(history: History) -> History:
    row, *others = history.rows
    assert row.data
    return _with(history, rows=[replace(row, data=row.data | {"title": "changed behind its back"}), *others])


def _altered(history: History) -> History:
    one = history.messages[0]
    return _with(history, messages=[*history.messages, replace(one, event=one.event | {"time": "later"})])


def _failed_request(history: History) -> History:
    return _with(history, troubles=[*history.troubles, Trouble(0.0, 0.1, 500, "POST /api/tasks")])


MUTATIONS: dict[str, Callable[[History], History]] = {
    "lost: acknowledged": _lost_acknowledged,
    "lost: committed": _lost_committed,
    "phantom: of no change": _invented,
    "phantom: of no request": _unrequested,
    "unlike the answer": _unlike_answer,
    "unlike the change": _unlike_change,
    "inversions": _reordered,
    "successors twice": _second_successor,
    "successors missing": _no_successor,
    "reminders twice": _reminder_twice,
    "reminders missing": _reminder_missing,
    "pushes twice": _push_twice,
    "last event unlike the row": _other_row,
    "altered when sent again": _altered,
    "API errors": _failed_request,
}
