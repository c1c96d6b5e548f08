"""Metrics of the processes themselves: memory, processor, open files; and which release they run.

prometheus_client has these for one process alone, and none where several share PROMETHEUS_MULTIPROC_DIR.
"""

import os
import platform
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from events_app.release import VERSION

_COUNTERS_OF_PROCESS = re.compile(r"counter_(\d+)\.db")


class _Process(NamedTuple):
    """Bytes, a number, seconds and a Unix time."""

    memory: int
    files: int
    cpu: float
    started: float


class ProcessMetrics(Collector):
    """Sums by the name of the process (`todo-web`), over those that have a file in `folder` and still run."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def collect(self) -> Iterable[Metric]:
        number = GaugeMetricFamily("todo_processes", "Processes that run.", labels=["process"])
        memory = GaugeMetricFamily("process_resident_memory_bytes", "Resident memory.", labels=["process"])
        files = GaugeMetricFamily("process_open_fds", "Open files.", labels=["process"])
        cpu = CounterMetricFamily("process_cpu_seconds", "User and system time.", labels=["process"])
        started = GaugeMetricFamily(
            "process_start_time_seconds", "Start of the youngest, a Unix time.", labels=["process"]
        )
        for name, all_of_it in self._by_name().items():
            number.add_metric([name], len(all_of_it))
            memory.add_metric([name], sum(one.memory for one in all_of_it))
            files.add_metric([name], sum(one.files for one in all_of_it))
            cpu.add_metric([name], sum(one.cpu for one in all_of_it))
            started.add_metric([name], max(one.started for one in all_of_it))
        return [number, memory, files, cpu, started]

    def _by_name(self) -> dict[str, list[_Process]]:
        found: dict[str, list[_Process]] = defaultdict(list)
        for process in self._processes():
            try:
                with process.oneshot():
                    found[process.name()].append(_looked_at(process))
            except psutil.Error:  # it has just ended
                continue
        return found

    def _processes(self) -> Iterator[psutil.Process]:
        for file in self._folder.glob("*.db"):
            # A process has a file for each kind of metric; all have one for its counters.
            if number := _COUNTERS_OF_PROCESS.fullmatch(file.name):
                try:
                    process = psutil.Process(int(number[1]))
                    # Another process may have got the number of one that ended.
                    if process.create_time() <= file.stat().st_mtime:
                        yield process
                except (psutil.Error, FileNotFoundError):
                    continue


def _looked_at(process: psutil.Process) -> _Process:
    times = process.cpu_times()
    return _Process(
        memory=process.memory_info().rss,
        files=process.num_fds(),
        cpu=times.user + times.system,
        started=process.create_time(),
    )


class BuildInfo(Collector):
    """`todo_build_info 1` with the release as labels; TODO_REVISION is what the image was built from."""

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily(
            "todo_build_info", "The release that runs.", labels=["version", "revision", "python"]
        )
        revision = os.environ.get("TODO_REVISION") or "unknown"
        info.add_metric([VERSION, revision, platform.python_version()], 1)
        return [info]
