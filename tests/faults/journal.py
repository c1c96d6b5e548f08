"""What the writers know: every request that was answered, in a file outside of the system.

A request whose connection broke may have happened: it is sent again with its key until there is an answer.
"""

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Entry:
    """A request and its answer. `changed`: the tasks it changed, with the version when the answer says so."""

    request_id: str
    user_id: str
    method: str
    path: str
    body: Any = None
    status: int = 0
    answer: Any = None
    changed: dict[int, int | None] = field(default_factory=dict)

    @property
    def task(self) -> dict[str, Any] | None:
        """The task as it was answered; None when the answer is something else."""
        is_task = isinstance(self.answer, dict) and "title" in self.answer
        return self.answer if is_task else None


@dataclass(frozen=True)
class Trouble:
    """A try that failed: a status of 500 or more, 0 for a broken connection. Times are epoch seconds."""

    began: float
    ended: float
    status: int
    request: str


class Journal:
    """Thread-safe. `changes` counts the acknowledged changes, `troubles` are the tries that failed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._out = file.open("w")
        self.changes = self.requests = self.repeats = self.other_answers = 0
        self.troubles: list[Trouble] = []

    def add(self, entry: Entry) -> None:
        with self._lock:
            self._out.write(json.dumps(asdict(entry)) + "\n")
            self.requests += 1
            self.changes += len(entry.changed)

    def add_trouble(self, trouble: Trouble) -> None:
        with self._lock:
            self.troubles.append(trouble)

    def add_repeat(self, *, same: bool) -> None:
        with self._lock:
            self.repeats += 1
            self.other_answers += not same

    def entries(self) -> list[Entry]:
        """All of it, read back from the file."""
        with self._lock:
            self._out.flush()
        found = []
        with self._file.open() as lines:
            for line in lines:
                entry = Entry(**json.loads(line))
                entry.changed = {int(task): version for task, version in entry.changed.items()}
                found.append(entry)
        return found

    def close(self) -> None:
        self._out.close()
