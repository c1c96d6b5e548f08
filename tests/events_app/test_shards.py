"""Relays of different shards work at the same time; none loses, repeats or reorders an event of a user."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from threading import Barrier, Event, Lock
from time import monotonic
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from events_app.envelope import Event as TaskEvent
from events_app.envelope import OutboxRow
from events_app.models import OutboxEvent
from events_app.outbox import NewEvent, write
from events_app.relay import STANDBY_POLL_SECONDS, Relay, relay_is_active
from events_app.shards import SLOTS, Shard, shard_of_settings
from tests.acceptance.processes import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def patient_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server would end the session of a relay that waits here, and its locks."""
    monkeypatch.setattr("events_app.relay.SILENCE_SECONDS", 60)


class Shared:
    """A broker that several relays share, as they share a Kafka. It takes at most half of a batch."""

    batch_size = 20

    def __init__(self) -> None:
        self.rows: list[OutboxRow] = []
        self._lock = Lock()

    def publish(self, events: Sequence[TaskEvent], *, waiting: Callable[[], None]) -> int:
        raise NotImplementedError

    def publish_rows(self, rows: Sequence[OutboxRow], *, waiting: Callable[[], None]) -> int:
        taken = rows[: max(1, len(rows) // 2)]
        with self._lock:
            self.rows += taken
        return len(taken)


def tag_event(user: UUID | None, number: int) -> NewEvent:
    """An event of the user's tag, or of a priority, which has no user."""
    kind, key = ("tag", str(user)) if user else ("priority", "priority:2")
    named = {"event_type": "created", "id": 1, "name": "home", "color": "#6B7280"}
    data = named | ({"user_id": str(user)} if user else {"level": 2})
    return NewEvent(type=f"{kind}.created", key=key, subject="1", sequence=number, data=data)


@contextmanager
def active(*shards: Shard) -> Iterator[list[bool]]:
    """Relays of these shards, each with a session of its own; whether each is active after one step."""
    leave, ready = Event(), Barrier(len(shards) + 1, timeout=60)

    def run(shard: Shard) -> bool:
        try:
            relay = Relay(Shared(), shard)
            relay.step()
            ready.wait()
            leave.wait(60)
            return relay.active
        finally:
            connection.close()

    said: list[bool] = []
    with ThreadPoolExecutor(len(shards)) as pool:
        running = [pool.submit(run, shard) for shard in shards]
        ready.wait()
        yield said
        leave.set()
        said += [one.result() for one in running]


def test_shards_part_the_users_whatever_their_count() -> None:
    owners = sorted(str(UUID(int=Random(1).getrandbits(128))) for _ in range(200))
    owners += ["priority:2", "tag:1"]
    for count in (1, 2, 3, 5, 12, SLOTS):
        shards = [Shard(number, count) for number in range(1, count + 1)]
        assert [slot for shard in shards for slot in shard.slots] == list(range(SLOTS))
        for owner in owners:
            holders = [s for s in shards if s.first_owner <= owner and (s.end is None or owner < s.end)]
            assert len(holders) == 1, (owner, count)


def test_two_shards_at_once_lose_repeat_and_reorder_nothing() -> None:
    users: list[UUID | None] = [*(UUID(int=Random(user).getrandbits(128)) for user in range(30)), None]
    broker, written, deadline = Shared(), Event(), monotonic() + 60

    def write_all() -> None:
        try:
            for number in range(6):
                for user in users:
                    with transaction.atomic():
                        write([tag_event(user, number)])
        finally:
            written.set()
            connection.close()

    def relay_all(shard: Shard) -> bool:
        relay = Relay(broker, shard)
        while not written.is_set() or OutboxEvent.objects.exists():
            assert monotonic() < deadline
            relay.step()
        is_active = relay.active
        connection.close()
        return is_active

    with ThreadPoolExecutor(3) as pool:
        relays = [pool.submit(relay_all, Shard(number, 2)) for number in (1, 2)]
        pool.submit(write_all).result()
        assert [one.result() for one in relays] == [True, True]
    found: dict[str, list[int]] = {}
    for row in broker.rows:
        found.setdefault(row.key, []).append(row.sequence)
    assert found == {str(user) if user else "priority:2": list(range(6)) for user in users}
    assert len({row.event_id for row in broker.rows}) == len(broker.rows) == 6 * 31


def test_a_shard_takes_only_its_own_users() -> None:
    low, high = UUID("01" * 16), UUID("f1" * 16)
    with transaction.atomic():
        write([tag_event(user, number) for user in (low, high, None) for number in range(2)])
    relay = Relay(first := Shared(), Shard(1, 2))
    for _ in range(5):
        relay.step()
    assert {row.key for row in first.rows} == {str(low)}
    connection.close()
    relay = Relay(second := Shared(), Shard(2, 2))
    for _ in range(5):
        relay.step()
    assert {row.key for row in second.rows} == {str(high), "priority:2"}
    connection.close()


@pytest.mark.parametrize(
    ("running", "late"),
    [
        (Shard(1, 2), Shard(1, 2)),
        (Shard(1, 2), Shard(2, 4)),
        (Shard(1, 4), Shard(1, 2)),
        (Shard(2, 3), Shard(1, 2)),
        (Shard(), Shard(1, 2)),
        (Shard(2, 2), Shard()),
    ],
    ids=str,
)
def test_shards_that_share_a_user_exclude_each_other(running: Shard, late: Shard) -> None:
    with transaction.atomic():
        write([tag_event(uuid4(), 1)])
    OutboxEvent.objects.all().delete()
    with active(running) as said:
        relay = Relay(Shared(), late)
        assert relay.step() == STANDBY_POLL_SECONDS
        assert not relay.active
    assert said == [True]
    eventually(lambda: relay.step() != STANDBY_POLL_SECONDS)
    assert relay.active
    connection.close()


def test_a_relay_is_active_when_every_user_has_one() -> None:
    with active(Shard(1, 2)):
        assert not relay_is_active()
    eventually(lambda: not relay_is_active())
    with active(Shard(1, 2), Shard(2, 2)) as said:
        assert relay_is_active()
    assert said == [True, True]


@pytest.mark.parametrize("text", ["", "2", "0/2", "3/2", "a/b", "1/65", "-1/2", "1/0"])
def test_a_setting_that_is_no_shard(text: str, settings: Settings) -> None:
    settings.RELAY_SHARD = text
    with pytest.raises(ValueError, match=r"."):
        shard_of_settings()
