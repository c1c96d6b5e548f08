"""What `./todo up` costs at rest: memory, processes, processor, and its start."""

import os
import re
import signal
import statistics
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.measuring import spread
from benchmarks.report import Report, commit_of, numbers, table
from benchmarks.stage import Stage
from devkit.embedded.places import CHECKOUT, Places
from devkit.embedded.ports import free_port
from devkit.embedded.processes import stop_all
from devkit.embedded.services import remove_instance

GOALS = {"megabytes": 350.0, "percent": 1.0, "seconds": 2.0}
READY_SECONDS = 240.0
# After "Ready" connections are opened and the first ticks run; then nothing happens that no clock asked for.
SETTLING_TURNS = 3
WINDOW_TURNS = 6
MEBIBYTE = 2**20

# An instance that is measured must start servers of its own, with the defaults of a new clone.
_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")

# What the command line of a role says where its process has no name of its own.
_ROLES = {
    "granian": "web",
    "deliveries@": "worker",
    "ticks@": "ticker",
    "todo_project beat": "beat",
    "serve_stream": "stream",
    "relay_outbox": "relay",
    "manage.py consume": "consumers",
    "postgres": "postgres",
    "valkey-server": "valkey",
}

Read = Callable[[psutil.Process], float]


@dataclass(frozen=True)
class Footprint:
    """One start: `seconds` until ready; at rest, by role: processes, megabytes (PSS), percent of a core."""

    seconds: float
    processes: Mapping[str, float]
    megabytes: Mapping[str, float]
    percent: Mapping[str, float]


def run(stage: Stage) -> Report:
    """This checkout, and beside it the one that `--beside` names, in turns."""
    checkouts = {commit_of(place): place for place in (*stage.beside, CHECKOUT)}
    found: dict[str, list[Footprint]] = {name: [] for name in checkouts}
    with tempfile.TemporaryDirectory(prefix="todo-footprint-") as folder:
        places = {name: Places(data=Path(folder) / name.replace(" ", "-")) for name in checkouts}
        try:
            for name, checkout in checkouts.items():
                with _up(checkout, places[name]):
                    pass  # the first start makes the cluster and the tables
            for _ in range(stage.rounds):
                for name, checkout in checkouts.items():
                    found[name].append(_measure(checkout, places[name], stage.seconds))
        finally:
            for one in places.values():
                remove_instance(one)
    window = stage.seconds * WINDOW_TURNS
    return Report(
        "An instance at rest",
        [
            _totals(found),
            *(f"By role, {name}, medians:\n\n{_by_role(footprints)}" for name, footprints in found.items()),
            f"`./todo up` of a new data directory, {stage.rounds} warm starts of each in turns. Memory is the"
            " PSS of every process, so pages that several share count once. The processor is user and system"
            f" time of every process, those that come and go included, over {window:.0f} s at rest. Start to"
            " ready is from the call of `./todo up` to its line `Ready`.",
        ],
    )


def _measure(checkout: Path, places: Places, seconds: float) -> Footprint:
    with _up(checkout, places) as (launcher, ready_after):
        time.sleep(seconds * SETTLING_TURNS)
        before, started = _by_roles(launcher, _processor_seconds), time.monotonic()
        time.sleep(seconds * WINDOW_TURNS)
        after, window = _by_roles(launcher, _processor_seconds), time.monotonic() - started
        if launcher.status() == psutil.STATUS_ZOMBIE:
            raise RuntimeError(f"`./todo up` ended by itself:\n{_log(places).read_text()[-3000:]}")
        return Footprint(
            ready_after,
            processes=_by_roles(launcher, lambda _: 1),
            megabytes=_by_roles(launcher, lambda process: process.memory_full_info().pss / MEBIBYTE),
            percent={role: (after[role] - before[role]) / window * 100 for role in after},
        )


@contextmanager
def _up(checkout: Path, places: Places) -> Iterator[tuple[psutil.Process, float]]:
    """A running `./todo up`: its launcher, and the seconds from the call to its line `Ready`."""
    places.data.mkdir(mode=0o700, exist_ok=True)
    log = _log(places)
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"TODO_DATA_DIR": str(places.data), "PORT": str(free_port())}
    started = time.monotonic()
    with log.open("wb") as output:
        launcher = subprocess.Popen(
            [checkout / "todo", "up"],
            env=environment,
            cwd=checkout,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield psutil.Process(launcher.pid), _seconds_until_ready(launcher, log, started)
    finally:
        stop_all([launcher], stop_signal=signal.SIGTERM, seconds=15)


def _log(places: Places) -> Path:
    return places.data / "up.log"


def _seconds_until_ready(launcher: subprocess.Popen[bytes], log: Path, started: float) -> float:
    while time.monotonic() < started + READY_SECONDS and launcher.poll() is None:
        if re.search(rb"^Ready: ", log.read_bytes(), re.MULTILINE):
            return time.monotonic() - started
        time.sleep(0.01)
    raise RuntimeError(f"`./todo up` is not ready:\n{log.read_text()[-3000:]}")


def _by_roles(launcher: psutil.Process, read: Read) -> dict[str, float]:
    """The sum over the processes of each role: a child of the launcher with all its own children."""
    sums: defaultdict[str, float] = defaultdict(float, {"launcher": read(launcher)})
    for child in launcher.children():
        for process in [child, *child.children(recursive=True)]:
            try:
                sums[_role(child)] += read(process)
            except psutil.NoSuchProcess:
                continue  # it ended meanwhile: its parent has its times
    return sums


def _role(child: psutil.Process) -> str:
    if (name := child.name()).startswith("todo-"):
        return name.removeprefix("todo-")
    command = " ".join(child.cmdline())
    return next((role for part, role in _ROLES.items() if part in command), name)


def _processor_seconds(process: psutil.Process) -> float:
    """Its own, and those of its children that have ended: over a whole tree the sum only grows."""
    return sum(process.cpu_times()[:4])


def _totals(found: Mapping[str, list[Footprint]]) -> str:
    rows = [
        [
            name,
            numbers(spread([sum(one.megabytes.values()) for one in each]), ",.0f"),
            f"{statistics.median(sum(one.processes.values()) for one in each):.0f}",
            numbers(spread([sum(one.percent.values()) for one in each]), ".2f"),
            numbers(spread([one.seconds for one in each]), ".2f"),
        ]
        for name, each in found.items()
    ]
    goal = ["goal", f"{GOALS['megabytes']:.0f}", "", f"{GOALS['percent']:g}", f"{GOALS['seconds']:g}"]
    head = ["", "memory (PSS), MB", "processes", "processor at rest, % of a core", "start to ready, s"]
    return table(head, [*rows, goal])


def _by_role(footprints: list[Footprint]) -> str:
    def median(read: Callable[[Footprint], Mapping[str, float]], role: str) -> float:
        return statistics.median(read(one).get(role, 0) for one in footprints)

    roles = Counter(role for one in footprints for role in one.megabytes)
    rows = [
        [
            role,
            f"{median(lambda one: one.processes, role):.0f}",
            f"{median(lambda one: one.megabytes, role):.1f}",
            f"{median(lambda one: one.percent, role):.2f}",
        ]
        for role in sorted(roles)
    ]
    return table(["role", "processes", "memory (PSS), MB", "processor, % of a core"], rows)
