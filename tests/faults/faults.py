"""What is done to the instance: processes killed, sessions ended, servers restarted, the network cut."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from itertools import cycle, islice

from devkit.embedded.kafka.server import Kafka
from tests.acceptance.instance import Instance
from tests.acceptance.processes import ROOT, eventually
from tests.faults.proxy import Route

# What makes the relay's work uncertain: a batch may be published again after it.
REPUBLISHING = {"relay", "postgres", "terminate", "kafka", "black_hole", "reset"}
# Dealt out in turns, so that a short run has each.
_KILLS = ["relay", "consumers", "web", "relay", "consumers", "web", "relay", "consumers"]
# The trash of a month ago and its purge, in one transaction: no test can wait for a task to age.
_PURGE = """
from django.db import connection, transaction
from tasks_app.tasks import purge_trash
with transaction.atomic():
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tasks SET deleted_at = deleted_at - interval '31 days' WHERE id IN"
            " (SELECT id FROM tasks WHERE deleted_at IS NOT NULL ORDER BY id LIMIT 20"
            " FOR NO KEY UPDATE SKIP LOCKED)"
        )
    purge_trash()
"""


@dataclass
class Window:
    """From when to when (epoch seconds) something was away."""

    fault: str
    began: float
    ended: float = float("inf")


class Faults:
    """`plan` is what is done, in this order, which is drawn from the seed."""

    def __init__(
        self, running: Instance, kafka: Kafka, way: Route, *, kills: int, cut_seconds: float, seed: str
    ) -> None:
        self.running, self.kafka, self.way = running, kafka, way
        self.cut_seconds = cut_seconds
        self.random = random.Random(seed)
        self.windows: list[Window] = []
        self._cuts: list[threading.Thread] = []
        self.plan = self._drawn(kills)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each there were."""
        return dict(Counter(window.fault for window in self.windows))

    def run(self, name: str) -> None:
        """Do one."""
        fault: Callable[[], None] = getattr(self, f"_{name}")
        fault()

    def end(self) -> None:
        """Wait until the network is whole again."""
        for cut in self._cuts:
            cut.join()

    def _drawn(self, kills: int) -> list[str]:
        others = ["terminate"] * max(kills // 10, 2) + ["postgres"] * max(kills // 50, 1)
        others += ["kafka"] * max(kills // 50, 1) + ["purge"] * max(kills // 20, 1)
        drawn = [*islice(cycle(_KILLS), kills), *others]
        self.random.shuffle(drawn)
        # Apart from each other, so that each cut lasts its whole time.
        drawn.insert(len(drawn) // 4, "black_hole")
        drawn.insert(len(drawn) * 3 // 4, "reset")
        return drawn

    @contextmanager
    def _window(self, fault: str) -> Iterator[None]:
        window = Window(fault, time.time())
        self.windows.append(window)
        yield
        window.ended = time.time()

    # --- processes ---------------------------------------------------------------------------------

    def _web(self) -> None:
        with self._window("web"):
            self._kill("web")
            eventually(self._web_answers)

    def _relay(self) -> None:
        with self._window("relay"):
            self._kill(*self.random.choice([["relay"], ["relay2"], ["relay", "relay2"]]))

    def _consumers(self) -> None:
        with self._window("consumers"):
            self._kill(self.random.choice(["consumers", "consumers2"]))

    def _kill(self, *names: str) -> None:
        """With all its children, and start it again."""
        for name in names:
            process = self.running.processes[name]
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for name in names:
            self.running.start(name)

    def _web_answers(self) -> bool:
        try:
            return self.running.call("GET", "/healthz/live").status == 200
        except (OSError, HTTPException):
            return False

    # --- servers -----------------------------------------------------------------------------------

    def _terminate(self) -> None:
        with self._window("terminate"):
            self.running.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )

    def _postgres(self) -> None:
        """Immediate shutdown: no checkpoint, no farewell; recovery at the next start."""
        assert self.running.postgres.process
        with self._window("postgres"):
            self.running.postgres.process.send_signal(signal.SIGQUIT)
            self.running.postgres.process.wait()
            self.running.postgres.start()
            self.running.postgres.wait_until_ready()

    def _kafka(self) -> None:
        assert self.kafka.process
        with self._window("kafka"):
            self.kafka.process.kill()
            self.kafka.process.wait()
            time.sleep(3)
            self.kafka.start()
            self.kafka.wait_until_ready()

    # --- network -----------------------------------------------------------------------------------

    def _black_hole(self) -> None:
        self._cut("black_hole", self.way.black_hole)

    def _reset(self) -> None:
        self._cut("reset", self.way.reset)

    def _cut(self, fault: str, cut: Callable[[], None]) -> None:
        """In the background: the others go on meanwhile."""
        window = Window(fault, time.time())
        self.windows.append(window)
        cut()

        def mend() -> None:
            time.sleep(self.cut_seconds)
            self.way.open()
            window.ended = time.time()

        self._cuts.append(threading.Thread(target=mend))
        self._cuts[-1].start()

    # --- time --------------------------------------------------------------------------------------

    def _purge(self) -> None:
        """Not a fault, but a change without a request."""
        with self._window("purge"):
            subprocess.run(
                [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", _PURGE],
                cwd=ROOT,
                env=self.running.environment,
                check=True,
                capture_output=True,
            )
