"""Holds the topics against what is known of the changes: the journal, the witness and the rows.

Each verdict is a list of what is wrong, empty when all is well. Nothing here asks the system.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from tests.faults.faults import Window
from tests.faults.history import ANNOUNCED, History, by_version, difference, version_of
from tests.faults.journal import Entry, Trouble
from tests.faults.wire import Message
from tests.faults.witness import State

_TIMES = (
    "completed_at", "deleted_at", "due_at", "reminder_at", "snoozed_until", "recurrence_end", "occurrence_at",
    "created_at", "updated_at", "anchor_local",
)  # fmt: skip
_BOOKKEEPING = {"version", "updated_at"}
# What reopening a task changes of its untouched successor.
_TAKEN_BACK = {"deleted_at", "slot_state", "parent_task_id"}
# A moment after an outage, connections that began in it still end.
_GRACE_SECONDS = 2.0


def judge(history: History) -> dict[str, list[str]]:
    """Every verdict, by its name."""
    verdicts = {
        "lost: acknowledged": _lost_acknowledged(history),
        "lost: committed": [*_lost_committed(history)],
        "phantom: of no change": [*_phantom(history)],
        "phantom: of no request": [*_unrequested(history)],
        "unlike the answer": [*_unlike_answers(history)],
        "unlike the change": [*_unlike_changes(history)],
        "inversions": [*_inversions(history)],
        "successors twice": [*_successors_twice(history)],
        "successors missing": [*_successors_missing(history)],
        "reminders twice": [*_reminders_twice(history)],
        "reminders missing": [*_reminders_missing(history)],
        "pushes twice": [*_pushes_twice(history)],
        "last event unlike the row": [*_unlike_rows(history)],
        "altered when sent again": [*_altered(history)],
        "API errors": [*_api_errors(history)],
    }
    return {name: list(wrong) for name, wrong in verdicts.items()}


# --- lost and phantom ----------------------------------------------------------------------------------


def _lost_acknowledged(history: History) -> list[str]:
    told = {(one.event.get("requestid"), int(one.event["subject"])) for one in history.events}
    lost = []
    for entry in history.entries:
        for task, version in entry.changed.items():
            there = (task, version) in history.changes if version else (entry.request_id, task) in told
            if not there:
                lost.append(f"{entry.method} {entry.path} {entry.request_id}: task {task} v{version}")
    return lost


def _lost_committed(history: History) -> Iterator[str]:
    for topic in ("task-events", "task-updates"):
        told = by_version(history.of_topic(topic))
        for task, version in history.steps:
            if (task, version) not in told:
                yield f"{topic}: task {task} v{version}"


def _phantom(history: History) -> Iterator[str]:
    for topic in ("task-events", "task-updates"):
        for task, events in history.of_topic(topic).items():
            versions = [version_of(one) for one in events]
            for version, times in Counter(versions).items():
                if times > 1 or (task, version) not in history.steps:
                    yield f"{topic}: task {task} v{version}, {times} events"


def _unrequested(history: History) -> Iterator[str]:
    """Events whose change neither a request of the journal asked for nor the system makes by itself."""
    asked = {entry.request_id: entry for entry in history.entries}
    for (task, version), one in history.changes.items():
        entry = asked.get(one.event.get("requestid", ""))
        if entry is not None and (task in entry.changed or entry.status == 0):
            continue
        step = history.steps.get((task, version))
        if step is not None and not _own_doing(history, one, *step, entry):
            yield f"task {task} v{version}, request {one.event.get('requestid')}"


def _own_doing(
    history: History, one: Message, before: State | None, after: State, entry: Entry | None
) -> bool:
    """Changes without a request: a next occurrence, created or taken back or brought back, a reminder sent, a
    head or a tag that went, erasure."""
    if after.data is None:
        return one.key in history.closed
    if before is None or before.data is None:
        return history.series_of.get(after.data["series_id"], after.task) != after.task
    changed = difference(before, after) - _BOOKKEEPING
    if entry is not None and after.data["generated_from_id"] in entry.changed and "deleted_at" in changed:
        return after.data["deleted_at"] is None or changed <= _TAKEN_BACK
    allowed = {"reminder_sent", "parent_task_id"}
    if entry is not None and entry.path.startswith("/api/tags/"):
        allowed.add("tag_ids")
    return bool(changed) and changed <= allowed


# --- content -------------------------------------------------------------------------------------------


def _unlike_answers(history: History) -> Iterator[str]:
    for entry in history.entries:
        task = entry.task
        if task is None or task["id"] not in entry.changed:
            continue
        one = history.changes.get((task["id"], task["version"]))
        if one is None:
            continue  # lost, and reported
        data = one.event["data"]["task_data"]
        if wrong := [name for name in task if name in data and not _same(name, task[name], data[name])]:
            yield f"{entry.path}: task {task['id']} v{task['version']}: {wrong}"


def _unlike_changes(history: History) -> Iterator[str]:
    """The whole task, the type and, on task-updates, what changed."""
    syncs = by_version(history.of_topic("task-updates"))
    for key, (before, after) in history.steps.items():
        one, sync = history.changes.get(key), syncs.get(key)
        if one is None or sync is None:
            continue
        data = one.event["data"]["task_data"]
        if wrong := _unlike_state(data, after, before):
            yield f"task {key}: {wrong}"
        if one.event["type"] != (kind := _kind(before, after)):
            yield f"task {key}: {one.event['type']} instead of {kind}"
        changes = sync.event["data"]["changes"]
        if after.data and (missing := difference(before, after) - _BOOKKEEPING - changes.keys()):
            yield f"task {key}: task.sync without {missing}"
        if wrong := [name for name, value in changes.items() if value != data[name]]:
            yield f"task {key}: task.sync unlike the event: {wrong}"


def _unlike_state(data: dict[str, Any], after: State, before: State | None) -> list[str]:
    state, names = after, set(data)
    if after.data is None:  # erased: as it was, and deleted
        assert before is not None
        state, names = before, names - _BOOKKEEPING - {"deleted_at", "slot_state"}
    columns = (state.data or {}) | {"tag_ids": state.tag_ids}
    wrong = [name for name in names if not _same(name, data[name], columns[name])]
    return wrong + (["version"] if data["version"] != after.version else [])


def _kind(before: State | None, after: State) -> str:
    if before is None:
        return "task.created"
    assert before.data is not None
    if after.data is None or after.data["deleted_at"]:
        return "task.deleted"
    return "task.completed" if after.data["completed"] > before.data["completed"] else "task.updated"


def _unlike_rows(history: History) -> Iterator[str]:
    there = {row.task: row for row in history.rows}
    for task, events in history.of_topic("task-events").items():
        last = events[-1].event
        row = there.get(task)
        if row is None and last["type"] != "task.deleted":
            # Purged from the trash by the tick: its deletion was recorded before.
            yield f"task {task} is gone, and the last event is {last['type']}"
        if row is not None and (wrong := _unlike_state(last["data"]["task_data"], row, None)):
            yield f"task {task}: {wrong}"
    for task in there.keys() - history.of_topic("task-events").keys():
        yield f"task {task} never had an event"


def _altered(history: History) -> Iterator[str]:
    first = {one.event["id"]: one for one in history.events}
    for one in history.duplicates:
        if one.event != first[one.event["id"]].event:
            yield f"{one.topic} {one.event['id']}"


# --- order ---------------------------------------------------------------------------------------------


def _inversions(history: History) -> Iterator[str]:
    last: dict[tuple[str, str], tuple[int, int]] = {}
    for one in history.events:
        key = (one.topic, one.event["subject"])
        partition, version = last.get(key, (one.partition, -1))
        # A reminder and an announcement carry the version the task is at.
        rises = one.topic != "reminders" and one.event["type"] != ANNOUNCED
        if one.partition != partition or version_of(one) < version or (rises and version_of(one) == version):
            yield f"{one.topic}: task {one.event['subject']}: v{version_of(one)} after v{version}"
        last[key] = (one.partition, max(version, version_of(one)) if rises else version)


# --- effects -------------------------------------------------------------------------------------------


def _successors_twice(history: History) -> Iterator[str]:
    """Each completion brings one occurrence at most; a slot is filled again only after another completion."""
    credit: dict[str, Counter[int | None]] = defaultdict(Counter)
    filled: set[tuple[str, str]] = set()
    seen: dict[int | None, State] = {}
    for state in history.states:
        before = seen.get(state.task)
        seen[state.task] = state
        if state.data is None:
            continue
        slot = (state.data["series_id"], state.data["occurrence_at"])
        of_series = credit[slot[0]]
        if state.data["completed"] and not (before and before.data and before.data["completed"]):
            of_series[state.task] += 1
        if before is None and history.series_of.get(slot[0], state.task) != state.task:
            origin = state.data["generated_from_id"] or _erased_origin(of_series, seen)
            if slot in filled and of_series[origin] <= 0:
                yield f"task {state.task}: {slot} of task {origin}"
            of_series[origin] -= 1
        filled.add(slot)


def _erased_origin(credit: Counter[int | None], seen: dict[int | None, State]) -> int | None:
    """A task of the series that was completed, and erased before its successor came."""
    for task, left in credit.items():
        if left > 0 and task and (seen[task].data is None or seen[task].data["deleted_at"]):
            return task
    return None


def _successors_missing(history: History) -> Iterator[str]:
    latest: dict[str, str] = {}
    for state in history.states:
        if state.data and state.data["series_id"]:
            series = state.data["series_id"]
            latest[series] = max(latest.get(series, ""), state.data["occurrence_at"])
    for one in history.changes.values():
        data = one.event["data"]["task_data"]
        if one.event["type"] != "task.completed" or not data["series_id"] or one.key in history.closed:
            continue
        if _was_undone(history, data):
            continue  # before its event was handled, if there is none
        if datetime.fromisoformat(latest[data["series_id"]]) <= datetime.fromisoformat(data["occurrence_at"]):
            yield f"task {data['id']}, completed at {data['completed_at']}"


def _was_undone(history: History, done: dict[str, Any]) -> bool:
    return any(
        state.version > done["version"]
        and state.data is not None
        and not _same("completed_at", state.data["completed_at"], done["completed_at"])
        for state in history.by_task[done["id"]]
    )


def _reminders_twice(history: History) -> Iterator[str]:
    due = Counter(
        (one.event["subject"], one.event["data"]["reminder_at"])
        for one in history.events
        if one.topic == "reminders"
    )
    for (task, at), times in due.items():
        if times > 1:
            yield f"task {task} at {at}: {times} events"


def _reminders_missing(history: History) -> Iterator[str]:
    told = {one.event["id"] for one in history.events}
    for event_id, task, at in history.reminders:
        if event_id not in told:
            yield f"task {task} at {at}"


def _pushes_twice(history: History) -> Iterator[str]:
    """A sender that loses the database before it records the outcome lets another send, which is reported."""
    for push, times in Counter(history.pushes).items():
        attempts = history.attempts.get(push, [])
        if times > 1 + sum(attempt.was_cut_off for attempt in attempts):
            yield f"{push}: {times} times, {attempts}"


# --- the API -------------------------------------------------------------------------------------------


def _api_errors(history: History) -> Iterator[str]:
    """503 only while PostgreSQL is away or has just ended the sessions; broken only while web is."""
    for trouble in history.troubles:
        excuses = {503: {"postgres", "terminate"}, 0: {"web"}}.get(trouble.status, set())
        if not any(window.fault in excuses and _overlap(window, trouble) for window in history.windows):
            yield f"{trouble.status}: {trouble.request} at {trouble.began:.1f}"


def _overlap(window: Window, trouble: Trouble) -> bool:
    return trouble.began <= window.ended + _GRACE_SECONDS and window.began <= trouble.ended


# --- small -----------------------------------------------------------------------------------------


def _same(name: str, one: Any, other: Any) -> bool:
    if name in _TIMES and one and other:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    return bool(one == other)


def summary(verdicts: dict[str, list[str]], examples: int = 3) -> Iterable[str]:
    """Lines to print: each verdict with its number, and some of what is wrong."""
    for name, wrong in verdicts.items():
        yield f"  {name}: {len(wrong)}"
        yield from (f"      {one}" for one in wrong[:examples])
