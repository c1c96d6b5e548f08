"""The relay takes what is committed, in order, and one relay at a time."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
import structlog
from django.db import OperationalError, connection, transaction

from accounts_app.models import User
from events_app.envelope import Event, OutboxRow, from_row, to_wire
from events_app.models import OutboxEvent
from events_app.relay import STANDBY_POLL_SECONDS, Relay, relay_batch, relay_is_active
from tasks_app.models import Task
from tasks_app.services import update_task
from tests.acceptance.processes import eventually

pytestmark = pytest.mark.django_db(transaction=True)


class Keeper:
    """A broker that keeps what it gets, and takes only the first `takes` of a batch."""

    batch_size = 200

    def __init__(self, takes: int = 1_000) -> None:
        self.takes = takes
        self.events: list[Event] = []

    def publish(self, events: Sequence[Event], *, waiting: Callable[[], None]) -> int:
        taken = events[: self.takes]
        self.events += taken
        return len(taken)

    def publish_rows(self, rows: Sequence[OutboxRow], *, waiting: Callable[[], None]) -> int:
        return self.publish([row.event() for row in rows], waiting=waiting)


class Failing(Keeper):
    def publish(self, events: Sequence[Event], *, waiting: Callable[[], None]) -> int:
        raise OperationalError("the broker's database went away")


class Rows(Keeper):
    """Keeps the rows themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[OutboxRow] = []

    def publish_rows(self, rows: Sequence[OutboxRow], *, waiting: Callable[[], None]) -> int:
        self.taken += rows
        return len(rows)


@pytest.fixture(autouse=True)
def patient_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may leave these tests without a processor for longer than sessions may be silent."""
    monkeypatch.setattr("events_app.relay.SILENCE_SECONDS", 120)


@contextmanager
def another_session() -> Iterator[list[bool]]:
    """A relay in a thread, with a session of its own; what its steps said of being active."""
    said: list[bool] = []
    go, done = threading.Event(), threading.Event()

    def run() -> None:
        relay = Relay(Keeper())
        relay.step()
        said.append(relay.active)
        done.set()
        go.wait(120)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert done.wait(60)
    yield said
    go.set()
    thread.join(60)


@pytest.fixture
def relay() -> Iterator[Relay]:
    relay = Relay(Keeper())
    yield relay
    connection.close()  # the lock goes with the session


def test_events_arrive_in_order_and_leave_the_outbox(alice: User) -> None:
    task = Task.objects.create(user=alice, title="one")
    update_task(task, title="two")
    broker = Keeper()
    assert relay_batch(broker) == 4
    assert [(e.type, e.sequence) for e in broker.events] == [
        ("task.created", 1),
        ("task.sync", 1),
        ("task.updated", 2),
        ("task.sync", 2),
    ]
    assert relay_batch(broker) == 0


def test_only_what_the_broker_took_is_removed(alice: User) -> None:
    Task.objects.create(user=alice, title="one")
    broker = Keeper(takes=1)
    assert relay_batch(broker) == 1
    assert [row.type for row in OutboxEvent.objects.all()] == ["task.sync"]


def test_what_is_not_committed_is_not_relayed(alice: User) -> None:
    broker = Keeper()
    with transaction.atomic():
        Task.objects.create(user=alice, title="one")
        thread = threading.Thread(target=lambda: (relay_batch(broker), connection.close()))
        thread.start()
        thread.join(60)
    assert broker.events == []
    assert relay_batch(broker) == 2


def test_one_relay_at_a_time(relay: Relay, alice: User) -> None:
    assert not relay_is_active()
    with another_session() as said:
        assert relay_is_active()
        Task.objects.create(user=alice, title="one")
        assert relay.step() == STANDBY_POLL_SECONDS
        assert OutboxEvent.objects.count() == 2
    assert said == [True]
    eventually(lambda: not relay_is_active())  # the server ends a session a moment after its client has gone
    relay.step()
    assert relay.active
    assert not OutboxEvent.objects.exists()


def test_the_poll_slows_down_while_nothing_happens(relay: Relay, alice: User) -> None:
    waits = [relay.step() for _ in range(8)]
    assert waits == sorted(waits)
    assert 0.01 < waits[0] < waits[-1] == 0.05
    Task.objects.create(user=alice, title="one")
    assert relay.step() == 0.01
    assert 0.01 < relay.step() < 0.05


def test_a_full_batch_is_followed_by_the_next_at_once(alice: User) -> None:
    class Small(Keeper):
        batch_size = 1

    relay = Relay(Small())
    Task.objects.create(user=alice, title="one")
    assert [relay.step(), relay.step()] == [0, 0]
    assert relay.step() > 0


def test_a_relay_that_lost_its_session_takes_the_lock_again_before_it_publishes(
    relay: Relay, alice: User
) -> None:
    relay.step()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    killer = threading.Thread(target=_terminate, args=[pid])
    killer.start()
    killer.join(60)
    relay.guarded_step()
    assert not relay.active
    Task.objects.create(user=alice, title="one")
    relay.guarded_step()
    assert relay.active
    assert not OutboxEvent.objects.exists()


def _terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 60000)", [pid])  # waits for its end
    connection.close()


def test_nothing_is_lost_when_the_broker_fails(alice: User) -> None:
    Task.objects.create(user=alice, title="one")
    with pytest.raises(OperationalError):
        relay_batch(Failing())
    assert OutboxEvent.objects.count() == 2


def test_a_silent_session_is_ended_by_the_server(relay: Relay) -> None:
    relay.step()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('idle_session_timeout')")
        assert cursor.fetchone() == ("2min",)


def test_a_row_is_on_the_wire_what_its_event_is(alice: User) -> None:
    rows = Rows()
    with structlog.contextvars.bound_contextvars(request_id='r-"1"\\'):
        Task.objects.create(user=alice, title='"water"\\ \n für Ärzte \u2028 \U0001f331', description=None)
    Task.objects.create(user=alice, title="of no request")
    OutboxEvent.objects.filter(request_id="", type="task.sync").update(actor="")  # of an older release
    stored = [from_row(row) for row in OutboxEvent.objects.order_by("id")]
    relay_batch(rows)
    assert [json.loads(row.wire_text()) for row in rows.taken] == [to_wire(event) for event in stored]
    assert [row.event() for row in rows.taken] == stored
    assert len(stored) == 4
