"""From `POST complete` until the next occurrence is in a list, with the relay running."""

import time
from contextlib import ExitStack

from benchmarks.api.asking import Asking, asking
from benchmarks.api.sides import TASK
from benchmarks.measuring import Side, Turn
from benchmarks.report import Report, latency_line, ratio_line, side_table
from benchmarks.stage import Stage, Web
from benchmarks.versions import tokens, versions

GOAL_MS = 15
# Between two looks: short beside what is measured, and long enough to leave the processors to the server.
_PAUSE_SECONDS = 0.001
_GIVEN_UP_SECONDS = 180
_SERIES = TASK | {"recurrence_rule": "daily", "tags": ["home"], "reminder_offsets": [30]}


class Completes:
    """Completes the open task of one series again and again; its user has no other tasks."""

    def __init__(self, name: str, web: Web, client: Asking) -> None:
        self._web, self._client = web, client
        self._open: int = client.ask("POST", "/api/tasks", _SERIES)["id"]
        self.side = Side(name, self._turn)

    def _turn(self, seconds: float) -> Turn:
        server, processor, started = self._web.processor_seconds(), time.process_time(), time.perf_counter()
        latencies = []
        while time.perf_counter() < started + seconds:
            sent = time.perf_counter()
            self._client.ask("POST", f"/api/tasks/{self._open}/complete")
            self._open = self._next(until=sent + _GIVEN_UP_SECONDS)
            latencies.append(time.perf_counter() - sent)
        return Turn(
            latencies=latencies,
            seconds=time.perf_counter() - started,
            server_seconds=self._web.processor_seconds() - server,
            generator_seconds=time.process_time() - processor,
        )

    def _next(self, *, until: float) -> int:
        while time.perf_counter() < until:
            if found := self._client.ask("GET", "/api/tasks?completed=false")["results"]:
                return int(found[0]["id"])
            time.sleep(_PAUSE_SECONDS)
        raise RuntimeError(f"There is no next occurrence after {_GIVEN_UP_SECONDS} s.")


def run(stage: Stage) -> Report:
    """One series of each version."""
    with versions(stage) as stages, ExitStack() as running:
        sides = []
        for name, one in stages.items():
            running.enter_context(one.process("relay_outbox"))
            web = running.enter_context(one.web())
            token = tokens(one, "completes", 1)[0]
            client = running.enter_context(asking(web, token))
            sides.append(Completes(name, web, client).side)
        series = stage.measure(*sides)
    ours, *others = series.values()
    return Report(
        "Completing a task until its next occurrence is seen",
        [
            "\n".join([latency_line(ours, goal=GOAL_MS), *(ratio_line(ours, other) for other in others)]),
            side_table(series.values(), unit="occurrences"),
            f"One series and one client, which looks again {_PAUSE_SECONDS * 1000:g} ms after each answer;"
            " these looks are part of the web's processor time. The relay runs.",
        ],
    )
