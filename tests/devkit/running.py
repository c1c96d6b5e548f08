"""`./todo` commands, and a running `./todo up`."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from devkit.embedded.places import CHECKOUT, Places
from tests.devkit.conftest import environment_for, wait_until


def todo(places: Places, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CHECKOUT / "todo", *arguments],
        capture_output=True,
        text=True,
        env=environment_for(places, **environment),
        check=False,
    )


class Up:
    """A running `./todo up`."""

    def __init__(self, places: Places, port: int, **environment: str) -> None:
        self.places = places
        self.url = f"http://127.0.0.1:{port}"
        self._output = places.data.parent / "output"
        self._output.parent.mkdir(parents=True, exist_ok=True)
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [CHECKOUT / "todo", "up"],
                stdout=output,
                stderr=output,
                env=environment_for(places, PORT=str(port), **environment),
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def children(self) -> list[psutil.Process]:
        return [
            child
            for child in psutil.Process(self.process.pid).children()
            if child.status() != psutil.STATUS_ZOMBIE
        ]

    def child(self, name: str) -> psutil.Process | None:
        """The role or server of this name, while it runs."""
        return next((child for child in self.children() if child.name() == name), None)

    def status(self, path: str) -> int:
        """Of the web's answer; 0 when there is none."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}") as answer:
                return int(answer.status)
        except urllib.error.HTTPError as answer:
            return answer.code
        except OSError:
            return 0

    def wait_until_ready(self) -> None:
        wait_until(lambda: "Ready: " in self.output or self.process.poll() is not None, seconds=300)
        assert self.process.poll() is None, self.output

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the instance, such as DATABASE_URL."""
        found: dict[str, str] = json.loads(self.places.environment.read_text())
        return found

    def stop(self, number: int) -> float:
        """Send a signal and wait for the end; the seconds that took."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=180)
        return float(time.monotonic() - started)


@contextmanager
def up(places: Places, port: int, **environment: str) -> Iterator[Up]:
    running = Up(places, port, **environment)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.process.kill()
        running.process.wait()
