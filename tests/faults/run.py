"""A run: an instance on a real Kafka behind a route that can be cut, writers, and what came of it."""

import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from devkit.demo.push_service import PushService, push_service
from devkit.embedded.kafka.server import Kafka
from devkit.embedded.ports import free_port
from events_app.consuming import GroupConsumer
from events_app.groups import group_names
from tests.acceptance.instance import PASSWORD, Instance, instance
from tests.acceptance.web import UNLIMITED
from tests.events_app.kafka_servers import real_kafka
from tests.faults.client import StubbornClient
from tests.faults.faults import Faults
from tests.faults.history import Attempt, History
from tests.faults.journal import Journal
from tests.faults.operator import Operator
from tests.faults.proxy import Route, route
from tests.faults.wire import TOPICS, lag, read_all
from tests.faults.witness import call_witness, rows, testimony
from tests.faults.writers import Writer

WRITERS = 16
SETTLE_SECONDS = 3600
_PROGRESS_SECONDS = 10
_SETTINGS = {"LOG_LEVEL": "WARNING", "ACCESS_TOKEN_MINUTES": "1000"} | UNLIMITED


@dataclass
class Run:
    """One instance under load. `seed` decides what is done, not when it happens."""

    running: Instance
    kafka: Kafka
    way: Route
    service: PushService
    journal: Journal
    seed: str
    stop: threading.Event = field(default_factory=threading.Event)
    failures: list[BaseException] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    clients: list[StubbornClient] = field(default_factory=list)
    told: float = 0.0

    @property
    def servers(self) -> str:
        return self.kafka.bootstrap_servers

    # --- load --------------------------------------------------------------------------------------

    def client(self, name: str, browsers: int = 0) -> StubbornClient:
        """A new user, signed in."""
        client = StubbornClient(self.running.port, self.journal)
        self.clients.append(client)
        account = {"email": f"{name}@example.test", "password": PASSWORD}
        entry, _ = client.ask("POST", "/api/auth/register", account)
        client.user_id = entry.answer["id"]
        entry, _ = client.ask("POST", "/api/auth/token", account)
        client.token = entry.answer["access"]
        for _ in range(browsers):
            client.ask("POST", "/api/push-subscriptions", self.service.subscribe().subscription)
        return client

    def load(self, changes: int, faults: Faults) -> None:
        """Write and break until so many changes are acknowledged and every fault of the plan has been."""
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in self._work()]
        for thread in threads:
            thread.start()
        try:
            for number, name in enumerate(faults.plan, 1):
                self._until(changes * number // (len(faults.plan) + 1), faults)
                faults.run(name)
            self._until(changes, faults)
        finally:
            self.stop.set()
            faults.end()
            for thread in threads:
                thread.join()
        assert not self.failures, self.failures

    def _work(self) -> Iterator[object]:
        for number in range(WRITERS):
            writer = Writer(self.client(f"writer{number}", browsers=1 + number % 2), f"{self.seed}-{number}")
            yield writer.run
        yield Operator(self.running, self.client("oscar"), self.seed).run
        yield self._leave

    def _leave(self, stop: threading.Event) -> None:
        """People who come, write, and close their account."""
        while not stop.is_set():
            leaver = Writer(self.client(uuid4().hex, browsers=1), f"{self.seed}-{uuid4()}")
            for _ in range(5):
                leaver.step()
            entry, _ = leaver.client.ask("DELETE", "/api/me")
            assert entry.status in (202, 401), entry  # 401: done before, by a try whose answer got lost
            self.closed.add(leaver.client.user_id)
            self.journal.add(entry)
            stop.wait(random.uniform(20, 40))

    def _guarded(self, work: object) -> None:
        try:
            work(self.stop)  # type: ignore[operator]
        except BaseException as error:
            self.failures.append(error)
            self.stop.set()
            raise

    def _until(self, changes: int, faults: Faults) -> None:
        while self.journal.changes < changes and not self.stop.is_set():
            time.sleep(0.05)
            if time.monotonic() > self.told + _PROGRESS_SECONDS:
                self.told = time.monotonic()
                self._tell(f"{self.journal.changes} changes, {self._waiting()} events wait, {faults.counts}")

    def _waiting(self) -> object:
        try:
            return self.running.rows("SELECT count(*) FROM outbox_events")[0][0]
        except Exception as error:  # PostgreSQL is away: that is the point
            return type(error).__name__

    def _tell(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    # --- rest --------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Wait until everything that was promised has come."""
        for _ in range(2):  # what the groups do makes events and deliveries
            self._wait("accounts to be erased", "SELECT count(*) FROM users WHERE deleted_at IS NOT NULL")
            self._wait("events in the outbox", "SELECT count(*) FROM outbox_events")
            self.settle_groups()
            self._wait("parked events", "SELECT count(*) FROM parked_events")
            self._wait("deliveries", "SELECT count(*) FROM deliveries WHERE state = 'pending'")

    def settle_groups(self) -> None:
        for group in group_names():
            topics = GroupConsumer(group).topics
            self._until_none(f"messages for {group}", partial(lag, self.servers, group, *topics))

    def _wait(self, what: str, count: str) -> None:
        self._until_none(what, lambda: int(self.running.rows(count)[0][0]))

    def _until_none(self, what: str, count: Callable[[], int]) -> None:
        deadline, told = time.monotonic() + SETTLE_SECONDS, 0.0
        while left := count():
            assert time.monotonic() < deadline, f"{left} {what} are left"
            if time.monotonic() > told + _PROGRESS_SECONDS:
                told = time.monotonic()
                self._tell(f"waiting for {left} {what}")
            time.sleep(0.2)

    def stop_processes(self, *kept: str) -> None:
        for name in list(self.running.processes):
            if name not in kept:
                process = self.running.processes.pop(name)
                process.terminate()
                process.wait(120)

    def close(self) -> None:
        self.journal.close()
        for client in self.clients:
            client.close()

    def history(self, faults: Faults) -> History:
        pushes = [
            (
                one.browser.endpoint,
                one.notification["data"]["task_id"],
                one.notification["data"]["reminder_at"],
            )
            for one in self.service.messages
        ]
        reminders = self.running.rows("SELECT event_id::text, task_id, reminder_at FROM reminders")
        attempts: dict[tuple[str, int, str], list[Attempt]] = defaultdict(list)
        for target, task, at, *attempt in self.running.rows(
            "SELECT d.target, r.task_id, r.reminder_at, a.at, a.status, a.error FROM deliveries d"
            " JOIN reminders r ON r.id = d.reminder_id"
            " JOIN delivery_attempts a ON a.delivery_id = d.id ORDER BY a.id"
        ):
            attempts[target, task, at.astimezone(UTC).isoformat()].append(Attempt(*attempt))
        return History(
            entries=self.journal.entries(),
            states=testimony(self.running),
            messages=read_all(self.servers, *TOPICS),
            rows=rows(self.running),
            reminders=[(event, task, at) for event, task, at in reminders],
            pushes=pushes,
            attempts=attempts,
            closed=self.closed,
            windows=faults.windows,
            troubles=self.journal.troubles,
        )


@contextmanager
def run_of(folder: Path, seed: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A running instance with two relays and two consumers, on a Kafka behind a route."""
    port = free_port()
    with (
        real_kafka(port=free_port(), advertised_port=port) as kafka,
        route(port=port, target=kafka.port) as way,
        push_service() as service,
    ):
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
        with instance(folder / "data", durable=True, **_SETTINGS) as running:
            call_witness(running)
            for name in ("relay", "consumers"):
                running.start(f"{name}2")
            run = Run(running, kafka, way, service, Journal(folder / "journal.jsonl"), seed)
            try:
                yield run
            finally:
                run.close()


def number(name: str, default: int) -> int:
    return int(os.environ.get(name, default))
