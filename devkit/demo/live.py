"""The live stream as a browser's EventSource reads it: by a ticket, in the background."""

import json
import time
import urllib.request
from threading import Thread
from typing import Any

from devkit.demo.steps import StepFailedError, require

_TIMEOUT_SECONDS = 60  # longer than the heartbeat
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LiveStream:
    """An open stream. `updates` grows: when it was read (monotonic seconds), and what it says."""

    def __init__(self, url: str, ticket: str) -> None:
        self.updates: list[tuple[float, dict[str, Any]]] = []
        try:
            self._answer = _opener.open(f"{url}?ticket={ticket}", timeout=_TIMEOUT_SECONDS)
            first = self._next()
        except OSError as error:
            raise StepFailedError(f"no stream at {url}: {error}") from error
        require(first.get("event") == "ready", f"the stream began with {first}")
        # A daemon, since a thread that waits for the next line cannot be stopped.
        Thread(target=self._read, daemon=True).start()

    def find(self, task_id: int, version: int) -> tuple[float, dict[str, Any]] | None:
        """The update with this version of the task, when it has come."""
        told = [one for one in self.updates if (one[1]["task_id"], one[1]["version"]) == (task_id, version)]
        return told[0] if told else None

    def _read(self) -> None:
        while message := self._next():
            if message["event"] == "task.sync":
                self.updates.append((time.monotonic(), json.loads(message["data"])))

    def _next(self) -> dict[str, str]:
        """The fields of the next message; none when the stream has ended."""
        fields: dict[str, str] = {}
        for line in self._answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "event" in fields:
                return fields
        return {}
