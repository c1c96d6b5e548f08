"""Reminders arrive: after everything was stopped, at a steady pace, and while whatever delivers them dies.

Short versions are among the slow tests, the full ones are
`./todo test -n 0 -s -m faults tests/faults/test_reminders.py`; REMINDERS (100,000) says how many,
REMINDER_MINUTES (10) how long they come at a steady pace, REMINDER_ROUNDS (10) how often each kind of fault
comes, FAULT_SEED (printed) draws the same faults.
"""

import json
import os
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from pytest_django import Settings

from benchmarks.burst import people
from benchmarks.burst.sink import Arrival
from events_app.consuming import GroupConsumer
from events_app.groups import group_names
from events_app.kafka_admin import create_topics
from events_app.models import DeadLetter, ParkedEvent
from notifications_app.channels.encryption import encrypt, receiver_of
from tests.acceptance.processes import eventually
from tests.events_app.kafka_servers import real_kafka
from tests.faults.dying import BEATS, Fault, Faults, again_by_fault, unlike
from tests.faults.reminders import Outcome, scene, unrelayed
from tests.faults.run import number
from tests.faults.wire import lag

pytestmark = pytest.mark.django_db(transaction=True)

_START = timedelta(seconds=5)  # what the processes need until they work
TWO_OF_EACH = ("worker1", "worker2", "ticker1", "ticker2", "relay1", "relay2")


@pytest.fixture
def kafka(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The processes publish to it, and consumers handle the events from there."""
    with real_kafka() as server:
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", server.bootstrap_servers)
        settings.KAFKA_BOOTSTRAP_SERVERS = server.bootstrap_servers
        create_topics()
        yield server.bootstrap_servers


def after_a_stop(folder: Path, *names: str, count: int, seconds: float) -> Outcome:
    """All fell due while nothing ran, within ten minutes; then everything is started, with these beside."""
    with scene(folder) as (processes, reminders):
        reminders.furnish(count)
        people.due_at(datetime.now(UTC) - timedelta(minutes=10), over=timedelta(minutes=10))
        began = time.time()
        processes.start("worker", "ticker", "beat", "relay", *names)
        eventually(_all_claimed, seconds=seconds)
        claimed = time.time()
        eventually(lambda: not unrelayed(), seconds=seconds)
        relayed = time.time()
        reminders.wait(datetime.now(UTC), seconds=seconds)
        found = reminders.outcome()
    print(
        f"\n{count} reminders of a stop: from the start of the processes {claimed - began:.1f} s until"
        f" the last was claimed, {relayed - began:.1f} s until the last event was relayed,"
        f" {found.last - began:.1f} s until the last push arrived"
    )
    return found


def at_a_steady_pace(folder: Path, *, count: int, over: timedelta) -> Outcome:
    """So many come one after the other while everything runs."""
    with scene(folder) as (processes, reminders):
        processes.start("worker", "ticker", "beat", "relay")
        reminders.furnish(count)  # takes longer than until the first one
        start = datetime.now(UTC) + _START
        people.due_at(start, over=over)
        until = start + over
        time.sleep((until - datetime.now(UTC)).total_seconds())
        reminders.wait(until, seconds=60)
        found = reminders.outcome()
    print(
        f"\n{count} reminders in {over}: at the push service {found.lateness(50):.2f} s (p50) and"
        f" {found.lateness(99):.2f} s (p99) after their time"
    )
    return found


def while_processes_die(
    folder: Path, *, count: int, rounds: int, pause: float, names: Sequence[str], kinds: Sequence[str] = ()
) -> Outcome:
    """In each round every kind of fault comes once, one each `pause` seconds, and always some reminders."""
    seed, later = os.environ.get("FAULT_SEED") or uuid4().hex[:8], timedelta(seconds=12 * pause)
    print(f"\nFAULT_SEED={seed}: {count} reminders, {rounds} rounds of faults")
    with scene(folder, faults=True) as (processes, reminders):
        reminders.furnish(count)
        processes.start(*names, *BEATS)
        faults = Faults(processes, seed)
        plan = [kind for _ in range(rounds) for kind in faults.round(kinds)]
        for kind in plan:
            # Those that come later by themselves come at once when the clock is set forward.
            people.due_at(datetime.now(UTC), over=later, limit=-(-count // len(plan)))
            eventually(reminders.push.arrivals)  # all work, before the first fault
            time.sleep(pause)
            faults.make(kind)
        reminders.wait(datetime.now(UTC) + later, seconds=600)
        eventually(_all_handled, seconds=600)
        found = reminders.outcome()
    found.rows["dead letters"] = DeadLetter.objects.count()
    found.rows["again, not replacing the first"] = unlike(found)
    for kind, again in again_by_fault(found, faults.done).items():
        print(f"{kind:26} {len(again):3} times; {sum(again):5} came again, {max(again):4} of one at most")
    print(f"{len(found.again)} of {len(found.due)} came again; wrong: {found.wrong}")
    return found


def _all_claimed() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT NOT EXISTS (SELECT FROM tasks WHERE next_reminder_at <= now())")
        return bool(cursor.fetchone()[0])


def _all_handled() -> bool:
    """Whether the groups have no event before them any more."""
    servers = settings.KAFKA_BOOTSTRAP_SERVERS
    behind = (lag(servers, group, *GroupConsumer(group).topics) for group in group_names() if servers)
    return not ParkedEvent.objects.exists() and not any(behind)


def is_right(found: Outcome) -> None:
    assert not any(found.wrong.values()), found.wrong


@pytest.mark.parametrize(("topic", "tag", "found"), [("a", "a", 0), ("a", "b", 1), ("b", "a", 1)])
def test_a_message_that_replaces_nothing_is_found(topic: str, tag: str, found: int) -> None:
    browser = people.new_browser()

    def arrival(at: float, topic: str, tag: str) -> Arrival:
        keys = browser.subscription
        payload = json.dumps({"notification": {"tag": tag}}).encode()
        body = encrypt(payload, receiver_of(keys["p256dh_key"], keys["auth_key"]))
        return Arrival("/0/1", at, topic, b64encode(body).decode())

    outcome = Outcome({}, [arrival(1.0, "a", "a"), arrival(9.0, topic, tag)], {}, browser)
    assert unlike(outcome) == found
    kills = [Fault("worker", 1.5), Fault("beat", 5.0)]
    assert again_by_fault(outcome, kills) == {"worker": [1], "beat": [0]}


@pytest.mark.slow
def test_what_fell_due_during_a_stop(tmp_path: Path) -> None:
    found = after_a_stop(tmp_path, count=100, seconds=600)
    is_right(found)
    assert found.again == []


@pytest.mark.slow
def test_while_some_processes_die(tmp_path: Path) -> None:
    names, kinds = ("worker", "ticker", "relay"), ("a child of worker", "beat", "Valkey killed")
    is_right(while_processes_die(tmp_path, count=90, rounds=1, pause=0.3, names=names, kinds=kinds))


@pytest.mark.slow
@pytest.mark.kafka
def test_while_consumers_of_kafka_die(kafka: str, tmp_path: Path) -> None:
    names, kinds = ("worker", "ticker", "relay", "consumers1", "consumers2"), ("consumers", "relay")
    is_right(while_processes_die(tmp_path, count=90, rounds=1, pause=0.3, names=names, kinds=kinds))


@pytest.mark.faults
def test_while_all_processes_die(tmp_path: Path) -> None:
    count, rounds = number("REMINDERS", 100_000), number("REMINDER_ROUNDS", 10)
    is_right(while_processes_die(tmp_path, count=count, rounds=rounds, pause=5, names=TWO_OF_EACH))


@pytest.mark.faults
@pytest.mark.kafka
def test_while_all_processes_die_on_kafka(kafka: str, tmp_path: Path) -> None:
    names = (*TWO_OF_EACH, "consumers1", "consumers2")
    count, rounds = number("REMINDERS", 100_000), number("REMINDER_ROUNDS", 10)
    is_right(while_processes_die(tmp_path, count=count, rounds=rounds, pause=5, names=names))


@pytest.mark.faults
def test_all_that_fell_due_during_a_stop(tmp_path: Path) -> None:
    found = after_a_stop(tmp_path, count=number("REMINDERS", 100_000), seconds=1800)
    is_right(found)
    assert found.again == []


@pytest.mark.faults
@pytest.mark.kafka
def test_all_that_fell_due_during_a_stop_on_kafka(kafka: str, tmp_path: Path) -> None:
    found = after_a_stop(tmp_path, "consumers", count=number("REMINDERS", 100_000), seconds=1800)
    is_right(found)
    assert found.again == []


@pytest.mark.faults
def test_a_steady_pace(tmp_path: Path) -> None:
    """As many in ten minutes as there are of REMINDERS in an hour."""
    minutes = number("REMINDER_MINUTES", 10)
    count = number("REMINDERS", 100_000) * minutes // 60
    found = at_a_steady_pace(tmp_path, count=count, over=timedelta(minutes=minutes))
    is_right(found)
    assert found.again == []
