"""People who write on every path there is, each on tasks of their own."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.faults.client import StubbornClient
from tests.faults.journal import Entry

BULK_SIZES = range(10, 51)
_ONE_TASK = {
    "create": 10, "put": 6, "patch": 10, "complete": 10, "reopen": 5, "snooze": 5, "trash": 6, "restore": 4,
    "erase": 4, "retag": 6,
}  # fmt: skip
_MANY_TASKS = {"bulk": 14, "bulk_each": 14, "merge_tags": 2, "delete_tag": 2, "adopt": 3}
_WEIGHTS = _ONE_TASK | _MANY_TASKS
_REPEATED = 0.05
_MAX_TAGS = 8


class Writer:
    """What one person does, a step at a time. Knows its tasks by what it was answered."""

    def __init__(self, client: StubbornClient, seed: str) -> None:
        self.client = client
        self.random = random.Random(seed)
        self.open: set[int] = set()
        self.done: set[int] = set()
        self.trash: dict[int, set[int]] = {}
        self.recurring: set[int] = set()
        self.tags_of: dict[int, set[int]] = {}
        self.tags: set[int] = set()

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.step()

    def step(self) -> None:
        (name,) = self.random.choices([*_WEIGHTS], [*_WEIGHTS.values()])
        action: Callable[[], None] = getattr(self, f"_{name}")
        action()

    # --- one task ----------------------------------------------------------------------------------

    def _create(self) -> None:
        self._on_task("POST", "/api/tasks", self._fields())

    def _put(self) -> None:
        if task := self._any(self.open - self.recurring):
            self._on_task("PUT", f"/api/tasks/{task}", {"title": self._title(), "color": "green"})

    def _patch(self) -> None:
        if task := self._any(self.open | self.done):
            self._on_task("PATCH", f"/api/tasks/{task}", {"title": self._title(), "priority_id": 3})

    def _complete(self) -> None:
        # A recurring task as soon as there is one: the next occurrence is the system's own doing.
        if task := self._any(self.open & self.recurring) or self._any(self.open):
            self._on_task("POST", f"/api/tasks/{task}/complete")

    def _reopen(self) -> None:
        if task := self._any(self.done):
            self._on_task("POST", f"/api/tasks/{task}/reopen")
            if task in self.recurring:
                # An untouched next occurrence went to the trash with it. _adopt finds the others again.
                for other in (self.open & self.recurring) - {task}:
                    self._forget(other)

    def _snooze(self) -> None:
        if task := self._any(self.open):
            until = self._in(self.random.choice([2, 3600, 86_400]))
            self._on_task("POST", f"/api/tasks/{task}/snooze", {"until": until})

    def _trash(self) -> None:
        if task := self._any(self.open | self.done):
            self._gone(self._send("DELETE", f"/api/tasks/{task}", None, {task: None}), to_trash=True)

    def _restore(self) -> None:
        if task := self._any(set(self.trash)):
            self._on_task("POST", f"/api/tasks/{task}/restore")

    def _erase(self) -> None:
        if task := self._any(self.open | self.done):
            path = f"/api/tasks/{task}?permanent=true"
            self._gone(self._send("DELETE", path, None, {task: None}), to_trash=False)
        if task := self._any(set(self.trash)):  # the second half of a deletion that was recorded before
            self._send("DELETE", f"/api/tasks/{task}?permanent=true", None, {})
            self._forget(task)

    def _retag(self) -> None:
        while len(self.tags) < _MAX_TAGS:
            entry = self._send("POST", "/api/tags", {"name": uuid4().hex}, {})
            self.tags.add(entry.answer["id"])
        if task := self._any(self.open | self.done):
            wanted = set(self.random.sample(sorted(self.tags), 3))
            if wanted != self.tags_of.get(task):
                self._on_task("PATCH", f"/api/tasks/{task}", {"tag_ids": sorted(wanted)})

    # --- many tasks --------------------------------------------------------------------------------

    def _bulk(self) -> None:
        self._run_bulk(self._operations(self.random.choice(BULK_SIZES)), atomic=True)

    def _bulk_each(self) -> None:
        operations = self._operations(self.random.choice(BULK_SIZES))
        operations.insert(3, {"op": "update", "id": 2**40, "data": {"title": "of no user"}})
        operations.insert(5, {"op": "create", "data": {"title": ""}})
        self._run_bulk(operations, atomic=False)

    def _merge_tags(self) -> None:
        if len(self.tags) >= 2:
            goes, stays = self.random.sample(sorted(self.tags), 2)
            self._end_tag(goes, "POST", f"/api/tags/{goes}/merge", {"into": stays})

    def _delete_tag(self) -> None:
        if tag := self._any(self.tags):
            self._end_tag(tag, "DELETE", f"/api/tags/{tag}", None)

    def _adopt(self) -> None:
        """Find what came by itself: next occurrences."""
        _, answer = self.client.ask("GET", "/api/tasks?recurring=true&completed=false&page_size=20")
        for task in answer.body["results"]:
            self._learn(task)

    # --- how -----------------------------------------------------------------------------------------

    def _on_task(self, method: str, path: str, body: Any = None) -> None:
        entry = self._send(method, path, body)
        if entry.task:
            self._learn(entry.task)
        elif entry.status == 404:  # purged from the trash meanwhile
            self._forget(int(path.split("/")[3]))

    def _send(self, method: str, path: str, body: Any, changed: dict[int, int | None] | None = None) -> Entry:
        """Ask, and write it down; `changed` is what the answer cannot tell."""
        entry, first = self.client.ask(method, path, body)
        if entry.status < 300:
            entry.changed = {entry.task["id"]: entry.task["version"]} if entry.task else changed or {}
        self.client.journal.add(entry)
        if self.random.random() < _REPEATED and entry.status < 300:
            _, again = self.client.ask(method, path, body, key=entry.request_id)
            self.client.journal.add_repeat(
                same=(first.status, first.content) == (again.status, again.content)
            )
        return entry

    def _run_bulk(self, operations: list[dict[str, Any]], *, atomic: bool) -> None:
        entry, answer = self.client.ask(
            "POST", "/api/tasks/bulk", {"operations": operations, "atomic": atomic}
        )
        if answer.status == 200:
            for operation, result in zip(operations, answer.body["results"], strict=True):
                if "error" not in result:
                    entry.changed[result["id"]] = None
                    self._learn_operation(operation, result["id"])
        self.client.journal.add(entry)

    def _operations(self, count: int) -> list[dict[str, Any]]:
        """Of different tasks each, and each changes something."""
        known = self.random.sample(sorted(self.open), min(count * 2 // 3, len(self.open)))
        operations = [self._operation(task) for task in known]
        return operations + [{"op": "create", "data": self._fields()} for _ in range(count - len(operations))]

    def _operation(self, task: int) -> dict[str, Any]:
        op = self.random.choices(["update", "complete", "trash", "erase"], [12, 5, 3, 2])[0]
        if op == "update":
            return {"op": op, "id": task, "data": {"title": self._title()}}
        if op == "complete":
            return {"op": op, "id": task}
        return {"op": "delete", "id": task, "data": {"permanent": op == "erase"}}

    def _end_tag(self, tag: int, method: str, path: str, body: Any) -> None:
        had = [task for task, tags in self.tags_of.items() if tag in tags]
        # Of those in the trash some may be purged meanwhile.
        self._send(method, path, body, {task: None for task in had if task not in self.trash})
        self.tags.discard(tag)
        for task in had:
            self.tags_of[task].discard(tag)
            if body:
                self.tags_of[task].add(body["into"])

    # --- what it knows -------------------------------------------------------------------------------

    def _learn(self, task: dict[str, Any]) -> None:
        self._forget(task["id"])
        self.tags_of[task["id"]] = set(task["tag_ids"])
        if task["deleted_at"]:
            self.trash[task["id"]] = set()
            return
        (self.done if task["completed"] else self.open).add(task["id"])
        if task["is_recurring"]:
            self.recurring.add(task["id"])

    def _learn_operation(self, operation: dict[str, Any], task: int) -> None:
        if operation["op"] == "create":
            self.open.add(task)
            self.tags_of[task] = set(operation["data"].get("tag_ids", ()))
            if "recurrence_rule" in operation["data"]:
                self.recurring.add(task)
        elif operation["op"] == "complete":
            self.open.discard(task)
            self.done.add(task)
        elif operation["op"] == "delete":
            tags = self.tags_of.get(task, set())
            self._forget(task)
            if not operation["data"]["permanent"]:
                self.trash[task] = set()
                self.tags_of[task] = tags

    def _gone(self, entry: Entry, *, to_trash: bool) -> None:
        task = int(entry.path.split("/")[3].split("?")[0])
        tags = self.tags_of.get(task, set())
        self._forget(task)
        if to_trash and entry.status == 204:
            self.trash[task], self.tags_of[task] = set(), tags

    def _forget(self, task: int) -> None:
        for known in (self.open, self.done, self.recurring):
            known.discard(task)
        self.trash.pop(task, None)
        self.tags_of.pop(task, None)

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"title": self._title()}
        if self.tags and self.random.random() < 0.3:
            fields["tag_ids"] = [self._any(self.tags)]
        kind = self.random.random()
        if kind < 0.1:
            fields |= {"due_at": self._in(86_400 * 2), "recurrence_rule": "daily", "reminder_offsets": [30]}
        elif kind < 0.16:
            fields |= {"reminder_at": self._in(self.random.choice([2, 5, 30]))}
        elif kind < 0.2:
            fields |= {"due_at": self._in(7200)}  # announced, as it is less than a day away
        return fields

    def _any(self, among: set[int]) -> int | None:
        return self.random.choice(sorted(among)) if among else None

    def _title(self) -> str:
        return f"water the plants {self.random.getrandbits(64):x}"

    @staticmethod
    def _in(seconds: float) -> str:
        return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
