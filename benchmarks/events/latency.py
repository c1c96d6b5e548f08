"""From the commit of a change to its handler, and to its byte at a client of the live stream."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID

import psutil
from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from benchmarks.events.kafka import real_kafka
from benchmarks.events.listening import THE_END, arrivals
from benchmarks.measuring import percentile_of
from benchmarks.report import Report, table
from benchmarks.stage import Person, Stage, people
from devkit.embedded.ports import free_port
from events_app import outbox
from events_app.outbox import NewEvent

RATES = (100, 250, 500)  # changes a second
GOAL_MILLISECONDS = 50
WATCHERS = 10
WARM_UP_SECONDS = 5.0  # a cold Kafka and a consumer that has just joined are another matter
_LONGEST_SECONDS = 300


def run(stage: Stage) -> Report:
    """Both ways, at each rate, for the length of all rounds together."""
    rows = [_row("in the relay", rate, *_measure(stage, rate, {})) for rate in RATES]
    with real_kafka(stage) as servers:
        surroundings = {"KAFKA_BOOTSTRAP_SERVERS": servers}
        rows += [_row("Kafka", rate, *_measure(stage, rate, surroundings)) for rate in RATES]
    head = [
        "handlers run",
        "changes a second",
        "to the handler, p50 ms",
        "p99",
        "to the client, p50 ms",
        "p99",
        "processors busy",
    ]
    said = (
        f"Each change is an event in its own transaction, of one of {WATCHERS} users, each with a stream."
        " To the handler: until the group `sync` has handled it. To the client: until it has read the line."
        " All of it runs on this machine: the writers, PostgreSQL, Valkey, Kafka, our processes and the"
        " clients."
    )
    return Report("From the commit to handler and client", [said, table([*head, "goal p99 50 ms"], rows)])


def _row(where: str, rate: int, handled: list[float], seen: list[float], busy: float) -> list[str]:
    figures = [percentile_of(times, part) * 1000 for times in (handled, seen) for part in (50, 99)]
    reached = "reached" if max(figures[1], figures[3]) <= GOAL_MILLISECONDS else "missed"
    row = [where, f"{rate:,}", *(f"{figure:.1f}" for figure in figures), f"{busy:.0f} %", reached]
    print(" | ".join(row), flush=True)
    return row


def _measure(stage: Stage, rate: int, surroundings: dict[str, str]) -> tuple[list[float], list[float], float]:
    """Seconds from each commit to its handler and to its client; how busy the machine was, in percent."""
    watchers, port = people(f"watcher-{uuid7()}", WATCHERS), free_port()
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
        surroundings = surroundings | {"LOG_LEVEL": "INFO"}  # what is handled is read there
        logs = [stack.enter_context(stage.process("relay_outbox", **surroundings))]
        if "KAFKA_BOOTSTRAP_SERVERS" in surroundings:
            logs.append(stack.enter_context(stage.process("consume", **surroundings)))
        stack.enter_context(stage.process("serve_stream", STREAM_PORT=str(port)))
        all_open = stage.folder / f"open-{uuid7()}"
        listening = pool.submit(arrivals, port, [one.token for one in watchers], all_open)
        wait_until(all_open.exists)
        _wait_for(logs, changes(watchers, rate, WARM_UP_SECONDS))
        psutil.cpu_percent()  # what follows counts
        committed = changes(watchers, rate, stage.rounds * stage.seconds)
        busy = psutil.cpu_percent()
        handled = _wait_for(logs, committed)
        arrived = came(listening, watchers)
    if lost := set(committed) - set(arrived):
        raise RuntimeError(f"{len(lost)} of {len(committed)} changes did not come to their clients.")
    seconds = [[there[one] - at for one, at in committed.items()] for there in (handled, arrived)]
    return seconds[0], seconds[1], busy


def changes(watchers: list[Person], rate: int, seconds: float) -> dict[str, float]:
    """Commit changes at an even pace; the time of each commit by the event's id."""
    committed: dict[str, float] = {}
    started = time.monotonic()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, started + number / rate - time.monotonic()))
        event = _change(watchers[number % len(watchers)], "Water the plants")
        committed[str(event)] = time.time()
    return committed


def came(listening: "Future[dict[str, float]]", watchers: list[Person]) -> dict[str, float]:
    """When each event came to its client, by its id. Ends the listening."""
    for watcher in watchers:
        _change(watcher, THE_END)
    return listening.result(_LONGEST_SECONDS)


def _change(watcher: Person, title: str) -> UUID:
    event_id, task_id = uuid7(), next(_TASK_IDS)
    user_id = str(watcher.user.pk)
    data = {
        "event_type": "sync",
        "task_id": task_id,
        "user_id": user_id,
        "changes": {"title": title},
        "timestamp": timezone.now().isoformat(),
    }
    event = NewEvent(
        type="task.sync", key=user_id, subject=str(task_id), sequence=1, data=data, event_id=event_id
    )
    with transaction.atomic():
        outbox.write([event])
    return event_id


def _numbers() -> Iterator[int]:
    number = time.time_ns() // 1000
    while True:
        number += 1
        yield number


_TASK_IDS = _numbers()


def _wait_for(logs: list[Path], committed: dict[str, float]) -> dict[str, float]:
    """When each was handled, by the logs of the handlers."""
    until = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < until:
        handled = {one: at for log in logs for one, at in _handled(log)}
        if set(committed) <= set(handled):
            return handled
        time.sleep(0.5)
    raise RuntimeError(f"Not all handled within {_LONGEST_SECONDS} s:\n{logs[-1].read_text()[-3000:]}")


def wait_until(reached: Callable[[], bool]) -> None:
    """Wait until it is true; raises RuntimeError if it is not in time."""
    until = time.monotonic() + _LONGEST_SECONDS
    while not reached():
        if time.monotonic() > until:
            raise RuntimeError(f"The streams are not open within {_LONGEST_SECONDS} s.")
        time.sleep(0.1)


def _handled(log: Path) -> Iterator[tuple[str, float]]:
    for line in log.read_text().splitlines():
        if '"event_handled"' in line and line.endswith("}"):
            entry = json.loads(line)
            handled = datetime.fromisoformat(entry["timestamp"]).timestamp()
            for event_id in entry.get("event_ids") or [entry["event_id"]]:
                yield event_id, handled
