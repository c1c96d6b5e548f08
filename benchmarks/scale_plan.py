"""Pods and money for a thousand, a million and a hundred million users, from what things cost here.

PostgreSQL's part of a request is measured in the run; the other costs are the figures of docs/benchmarks.md,
named beside each, or estimates, marked so. What people do, and prices, are assumptions: change them here
and run it again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil

import psutil
from django.db import connection
from rest_framework.test import APIClient

from accounts_app.models import User
from benchmarks.report import Report, table
from benchmarks.stage import Stage
from devkit.embedded.places import CHECKOUT

PAGE = CHECKOUT / "docs" / "scale.md"
USERS = (1_000, 1_000_000, 100_000_000)
CALLS = 300

# What people do. Active: uses it on that day. The peak is the busiest hour of a day.
ACTIVE_SHARE = 0.3
READS_A_DAY, WRITES_A_DAY, REMINDERS_A_DAY = 40, 10, 3
PEAK = 3.0
OPEN_STREAMS_SHARE = 0.1  # of the active users, at the peak
AT_ONE_MINUTE = 0.02  # of a day's reminders: those at nine o'clock of the largest time zone
BURST_SECONDS = 60  # in which these are to be sent
TASKS_KEPT, DAYS_OF_REMINDERS = 300, 90

# Milliseconds of a processor, and where docs/benchmarks.md has them.
WEB_READ, WEB_WRITE = 2.7, 5.7  # "Reading one task", "Creating a task": web's processor
EVENTS_A_WRITE = 2  # task-events and task-updates
RELAY_EVENT = 0.07  # "The relay to Kafka": 14,229 a second by one process
CONSUMER_EVENT = 0.7  # an estimate: two groups handle most events
REMINDER_WORKER, REMINDER_TICKER, REMINDER_POSTGRES = 1.3, 0.15, 0.9  # "Reminders at one instant", 10,000
STREAM_KILOBYTES = 33  # "Idle streams"
TASK_BYTES = 660  # "A user with a million tasks": 7,263 MB of 11 million rows
REMINDER_BYTES = 700  # an estimate: a reminder, its delivery and attempt, with their indexes
EVENT_BYTES = 1_500  # an estimate: of a whole task as a CloudEvent, before compression

# So much of a processor may be busy at the peak, so that queues stay short.
BUSY = 0.5
STREAMS_A_POD = 10_000  # 330 MB
# Assumed list prices, in dollars a month: round figures of 2025 for a mid-priced cloud, no quotation.
PRICE_OF = {
    "processor": 24.0,  # with 2 to 4 GB of memory, in a managed Kubernetes
    "postgres processor": 60.0,  # managed, with a standby
    "gigabyte": 0.2,  # of PostgreSQL's storage, twice
    "kafka broker": 100.0,
    "redis gigabyte": 15.0,
}
# What one PostgreSQL is taken to do. Above that, users are spread over several.
LARGEST_POSTGRES = 32


@dataclass(frozen=True)
class Plan:
    """What so many users need at their peak; rates are a second, processors are busy ones at the peak."""

    users: int
    postgres_read: float
    postgres_write: float

    @property
    def active(self) -> float:
        return self.users * ACTIVE_SHARE

    def peak(self, a_day: float) -> float:
        """The rate at the peak of what each active user does so often a day."""
        return self.active * a_day / 86_400 * PEAK

    @property
    def reads(self) -> float:
        return self.peak(READS_A_DAY)

    @property
    def writes(self) -> float:
        return self.peak(WRITES_A_DAY)

    @property
    def events(self) -> float:
        return (self.writes + self.peak(REMINDERS_A_DAY)) * EVENTS_A_WRITE

    @property
    def burst(self) -> float:
        """Reminders a second while those of the fullest minute are sent."""
        return self.active * REMINDERS_A_DAY * AT_ONE_MINUTE / BURST_SECONDS

    @property
    def streams(self) -> float:
        return self.active * OPEN_STREAMS_SHARE

    @property
    def gigabytes(self) -> float:
        reminders = self.active * REMINDERS_A_DAY * DAYS_OF_REMINDERS * REMINDER_BYTES
        return (self.users * TASKS_KEPT * TASK_BYTES + reminders) / 1e9

    def processors(self) -> dict[str, float]:
        """Of each part, at the peak; the workers' at the fullest minute."""
        reads, writes = self.reads / 1000, self.writes / 1000
        return {
            "web": reads * WEB_READ + writes * WEB_WRITE,
            "relay": self.events / 1000 * RELAY_EVENT,
            "consumers": self.events / 1000 * CONSUMER_EVENT,
            "worker": self.burst / 1000 * REMINDER_WORKER,
            "ticker": self.burst / 1000 * REMINDER_TICKER,
            "postgres": reads * self.postgres_read
            + writes * self.postgres_write
            + self.events / 1000 * CONSUMER_EVENT
            + self.burst / 1000 * REMINDER_POSTGRES,
        }

    def pods(self) -> dict[str, int]:
        """Of one processor each; two of what must not be away, and the streams by their number."""
        busy = self.processors()
        needed = {name: ceil(busy[name] / BUSY) for name in ("web", "relay", "consumers", "worker", "ticker")}
        pods = {name: max(2, count) for name, count in needed.items()}
        return pods | {"stream": max(2, ceil(self.streams / STREAMS_A_POD)), "beat": 1}

    @property
    def postgres_processors(self) -> int:
        return max(2, ceil(self.processors()["postgres"] / BUSY))

    @property
    def databases(self) -> int:
        return ceil(self.postgres_processors / LARGEST_POSTGRES)

    @property
    def kafka_brokers(self) -> int:
        """None where the relay calls the handlers itself; then by what is written to three copies."""
        megabytes = self.events * EVENT_BYTES / 1e6 * 3
        return 0 if self.users < 100_000 else max(3, ceil(megabytes / 20))

    def dollars(self) -> dict[str, float]:
        pods = sum(self.pods().values()) if self.kafka_brokers else 2  # one small machine and its standby
        redis = max(1, self.active * 2_000 / 1e9)  # the last changes of each active user
        return {
            "pods": pods * PRICE_OF["processor"],
            "PostgreSQL": self.postgres_processors * PRICE_OF["postgres processor"]
            + self.gigabytes * PRICE_OF["gigabyte"],
            "Kafka": self.kafka_brokers * PRICE_OF["kafka broker"],
            "Redis": redis * PRICE_OF["redis gigabyte"],
        }


def run(_stage: Stage) -> Report:
    """Measure PostgreSQL's part of a request, and plan."""
    read, write = measure_postgres()
    plans = [Plan(users, read, write) for users in USERS]
    said = (
        f"PostgreSQL's processor time, measured in this run: {read:.2f} ms for reading a task, {write:.2f} ms"
        f" for creating one. Pods are of one processor, {BUSY:.0%} busy at the peak."
    )
    parts = [said, table(["users", *(f"{plan.users:,}" for plan in plans)], _rows(plans))]
    return Report("What so many users need", parts, page=PAGE)


def _rows(plans: list[Plan]) -> Iterator[list[str]]:
    def row(name: str, of: Callable[[Plan], float], form: str = ",.0f") -> list[str]:
        return [name, *(format(of(plan), form) for plan in plans)]

    def rows(
        of: str, parts: Callable[[Plan], Mapping[str, float]], form: str = ",.0f"
    ) -> Iterator[list[str]]:
        for name in parts(plans[0]):
            yield [f"{of}: {name}", *(format(parts(plan)[name], form) for plan in plans)]

    yield row("reads a second at the peak", lambda plan: plan.reads, ",.1f")
    yield row("writes a second", lambda plan: plan.writes, ",.1f")
    yield row("events a second", lambda plan: plan.events, ",.1f")
    yield row("reminders a second in the fullest minute", lambda plan: plan.burst, ",.1f")
    yield row("open streams", lambda plan: plan.streams)
    yield row("data of PostgreSQL, GB", lambda plan: plan.gigabytes, ",.1f")
    yield from rows("busy processors", Plan.processors, ",.2f")
    yield from rows("pods", Plan.pods)
    yield row("PostgreSQL, processors in all", lambda plan: plan.postgres_processors)
    yield row(f"PostgreSQL, servers of at most {LARGEST_POSTGRES}", lambda plan: plan.databases)
    yield row("Kafka brokers (0: the relay calls the handlers)", lambda plan: plan.kafka_brokers)
    yield from rows("dollars a month", Plan.dollars)
    yield row("dollars a month", lambda plan: sum(plan.dollars().values()))
    yield row("dollars a year and user", lambda plan: 12 * sum(plan.dollars().values()) / plan.users, ",.4f")


def measure_postgres() -> tuple[float, float]:
    """Milliseconds of the session's processor time for reading one task, and for creating one."""
    client = APIClient(SERVER_NAME="localhost")
    client.force_authenticate(User.objects.create_user("planner@example.test", None))
    task = client.post("/api/tasks", {"title": "first"}).json()["id"]
    reading = _session_milliseconds(lambda _: client.get(f"/api/tasks/{task}").status_code == 200)
    body = {"tags": ["home"], "reminder_at": "2040-05-01T09:00:00Z", "due_at": "2040-05-01T10:00:00Z"}
    writing = _session_milliseconds(
        lambda number: client.post("/api/tasks", {"title": f"{number}", **body}).status_code == 201
    )
    return reading, writing


def _session_milliseconds(call: Callable[[int], bool]) -> float:
    assert all(call(number) for number in range(20))  # the session knows its tables
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        session = psutil.Process(cursor.fetchone()[0])
    before = session.cpu_times()
    assert all(call(number) for number in range(CALLS))
    after = session.cpu_times()
    return (after.user + after.system - before.user - before.system) * 1000 / CALLS
