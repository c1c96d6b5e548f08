"""All that is known of one run, put together."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from events_app.catalogue import TaskData
from tests.faults.faults import REPUBLISHING, Window
from tests.faults.journal import Entry, Trouble
from tests.faults.wire import Message
from tests.faults.witness import State

ANNOUNCED = "task.due.approaching"
# A standby asks each second, a relay's session ends after three of silence; and a busy machine.
_TAKEOVER_SECONDS = 10.0


class Attempt(NamedTuple):
    """An attempt to send, as its row has it. Without status and error its sender recorded no outcome."""

    at: datetime
    status: int | None
    error: str

    @property
    def was_cut_off(self) -> bool:
        return self.status is None and not self.error


@dataclass
class History:
    """All that is known of one run.

    `pushes` are (browser, task, instant) as they arrived; `attempts` are what the database knows of each.
    """

    entries: list[Entry]
    states: list[State]
    messages: list[Message]
    rows: list[State]
    reminders: list[tuple[str, int, datetime]] = field(default_factory=list)
    pushes: list[tuple[str, int, str]] = field(default_factory=list)
    attempts: dict[tuple[str, int, str], list[Attempt]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    windows: list[Window] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    @cached_property
    def events(self) -> list[Message]:
        """The first appearance of each event."""
        seen: set[str] = set()
        return [one for one in self.messages if not (one.event["id"] in seen or seen.add(one.event["id"]))]

    @cached_property
    def duplicates(self) -> list[Message]:
        first = {id(one) for one in self.events}
        return [one for one in self.messages if id(one) not in first]

    def of_topic(self, topic: str) -> dict[int, list[Message]]:
        """The events of changes by task, each in the order of their first appearances."""
        by_task: dict[int, list[Message]] = defaultdict(list)
        for one in self.events:
            if one.topic == topic and one.event["type"] != ANNOUNCED:
                by_task[int(one.event["subject"])].append(one)
        return by_task

    @cached_property
    def changes(self) -> dict[tuple[int, int], Message]:
        """The event on task-events by task and version."""
        return by_version(self.of_topic("task-events"))

    @cached_property
    def by_task(self) -> dict[int, list[State]]:
        """The witness's states of each task, in their order."""
        states: dict[int, list[State]] = defaultdict(list)
        for state in self.states:
            states[state.task].append(state)
        return states

    @cached_property
    def series_of(self) -> dict[str, int]:
        """The task each series began with: a new task with a rule is a new series."""
        began: dict[str, int] = {}
        for state in self.states:
            if state.data and state.data["series_id"]:
                began.setdefault(state.data["series_id"], state.task)
        return began

    @cached_property
    def steps(self) -> dict[tuple[int, int], tuple[State | None, State]]:
        """By task and version: what it was before, and what it was then."""
        found = {}
        for task, states in self.by_task.items():
            for before, after in zip([None, *states], states, strict=False):
                found[task, after.version] = (before, after)
        return found


class Again(NamedTuple):
    """Messages that came again after a fault and before the next, and of how many faults they may be."""

    messages: int
    faults: int


def duplicates_per_fault(history: History) -> list[Again]:
    """For each fault that makes the relay publish again, what came again; most first.

    What the relay had in hand at a fault shortly before may come again only now.
    """
    faults = [window for window in history.windows if window.fault in REPUBLISHING]
    counted: Counter[float] = Counter()
    for one in history.duplicates:
        counted[max((fault.began for fault in faults if fault.began <= one.at), default=0.0)] += 1
    found = [
        Again(messages, sum(fault.began <= began < fault.ended + _TAKEOVER_SECONDS for fault in faults))
        for began, messages in counted.items()
    ]
    return sorted(found, reverse=True)


def by_version(by_task: dict[int, list[Message]]) -> dict[tuple[int, int], Message]:
    return {(task, version_of(one)): one for task, events in by_task.items() for one in events}


def version_of(one: Message) -> int:
    return int(one.event["sequence"])


def difference(before: State | None, after: State) -> set[str]:
    """The names of the reported fields that differ."""
    old, new = (_reported(before) if before else {}), _reported(after)
    return {name for name, value in new.items() if value != old.get(name)} if old else set()


def _reported(state: State) -> dict[str, Any]:
    """What others see of it."""
    assert state.data is not None
    columns = {name: value for name, value in state.data.items() if name in TaskData.model_fields}
    return columns | {"tag_ids": state.tag_ids}
