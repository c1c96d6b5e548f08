"""A relay that is behind takes events of each user in turn, and the order within a user stays."""

from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from events_app import brokers
from events_app.brokers import InProcessBroker
from events_app.envelope import Event, OutboxRow
from events_app.models import OutboxEvent
from events_app.outbox import NewEvent, write
from events_app.relay import relay_batch
from events_app.turns import Turns
from tests.monotonic import Monotonic

pytestmark = pytest.mark.django_db

SIZE = 10
ALICE, BOB = UUID(int=1), UUID(int=2)


class Keeper:
    """A broker that keeps what it takes: the first `takes()` of each batch."""

    batch_size = SIZE

    def __init__(self, takes: Callable[[], int] = lambda: SIZE * 9) -> None:
        self.takes = takes
        self.rows: list[OutboxRow] = []

    def publish(self, events: Sequence[Event], *, waiting: Callable[[], None]) -> int:
        raise NotImplementedError

    def publish_rows(self, rows: Sequence[OutboxRow], *, waiting: Callable[[], None]) -> int:
        taken = rows[: self.takes()]
        self.rows += taken
        return len(taken)

    def of(self, user_id: UUID) -> list[int]:
        return [row.sequence for row in self.rows if row.key == str(user_id)]


numbers = count()


def change(user_id: UUID, times: int = 1) -> None:
    """Write so many events of the user, numbered in their order."""
    with transaction.atomic():
        write(
            [
                NewEvent(
                    type="tag.created",
                    key=str(user_id),
                    subject="1",
                    sequence=next(numbers),
                    data={
                        **{"event_type": "created", "id": 1, "user_id": str(user_id), "name": "home"},
                        "color": "#000000",
                    },
                )
                for _ in range(times)
            ]
        )


def relay_all(broker: Keeper, turns: Turns) -> None:
    while relay_batch(broker, turns=turns) or turns.is_behind:
        pass


def test_a_user_does_not_wait_for_the_many_events_of_another() -> None:
    change(ALICE, times=20 * SIZE)
    change(BOB)
    broker, turns = Keeper(), Turns()
    relay_batch(broker, turns=turns)
    assert broker.of(BOB) == []
    relay_batch(broker, turns=turns)
    assert len(broker.of(BOB)) == 1
    change(BOB, times=2)
    relay_batch(broker, turns=turns)
    assert len(broker.of(BOB)) == 3
    relay_all(broker, turns)
    assert broker.of(ALICE) == sorted(broker.of(ALICE))
    assert len(broker.of(ALICE)) == 20 * SIZE
    assert not OutboxEvent.objects.exists()


def test_a_relay_that_is_not_behind_takes_the_oldest() -> None:
    for user_id in (BOB, ALICE, BOB):
        change(user_id)
    broker, turns = Keeper(), Turns()
    with CaptureQueriesContext(connection) as queries:
        relay_batch(broker, turns=turns)
    assert [row.key for row in broker.rows] == [str(BOB), str(ALICE), str(BOB)]
    assert len(queries) == 2  # it reads and deletes
    assert not turns.is_behind


def test_of_more_users_than_a_batch_has_events_each_has_a_turn() -> None:
    users = [UUID(int=number) for number in range(3 * SIZE)]
    for user_id in users:
        change(user_id, times=3)
    broker, turns = Keeper(), Turns()
    for _ in range(4):
        relay_batch(broker, turns=turns)
    assert all(broker.of(user_id) for user_id in users)
    relay_all(broker, turns)
    assert all(len(broker.of(user_id)) == 3 for user_id in users)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_each_user_stays_whatever_the_broker_takes(seed: int) -> None:
    random = Random(seed)
    users = [UUID(int=number) for number in range(6)]
    broker, turns = Keeper(takes=lambda: random.randrange(1, SIZE)), Turns()
    for _ in range(30):
        change(random.choice(users[: random.randrange(1, 7)]), times=random.randrange(1, 12))
        relay_batch(broker, turns=turns)
    relay_all(broker, turns)
    for user_id in users:
        assert broker.of(user_id) == sorted(broker.of(user_id))
    assert len({row.id for row in broker.rows}) == len(broker.rows)
    assert not OutboxEvent.objects.exists()


def test_events_of_a_release_that_did_not_name_their_user_keep_their_place() -> None:
    change(ALICE, times=3 * SIZE)
    older = list(OutboxEvent.objects.values_list("pk", flat=True))[1::2]
    OutboxEvent.objects.filter(pk__in=older).update(user_id=None)
    change(BOB)
    broker, turns = Keeper(), Turns()
    relay_all(broker, turns)
    assert broker.of(ALICE) == sorted(broker.of(ALICE))
    assert (len(broker.of(ALICE)), len(broker.of(BOB))) == (3 * SIZE, 1)


def test_a_new_relay_knows_no_turns_and_leaves_nothing() -> None:
    change(ALICE, times=3 * SIZE)
    change(BOB)
    broker = Keeper()
    while relay_batch(broker, turns=Turns()):
        pass
    assert (len(broker.of(ALICE)), len(broker.of(BOB))) == (3 * SIZE, 1)


def test_claims_of_a_relay_that_is_behind_read_the_index() -> None:
    change(ALICE, times=2_000)
    change(BOB, times=3)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE outbox_events")
        turns = Turns()
        turns.is_behind = True
        with CaptureQueriesContext(connection) as queries:
            assert len(turns.next_rows(cursor, SIZE)) == 8
        for query in queries.captured_queries:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {query['sql']}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "outbox_by_owner" in plan
            assert "Seq Scan" not in plan


def test_handlers_that_take_long_end_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Monotonic()
    monkeypatch.setattr(brokers, "monotonic", clock.monotonic)
    change(ALICE, times=5)
    turns = Turns()
    broker = InProcessBroker(batch_seconds=0.25)

    def slow(event: Event) -> list[str]:
        clock.now += 0.2
        return []

    monkeypatch.setattr(brokers, "groups_for", slow)
    assert relay_batch(broker, turns=turns) == 2
    assert turns.is_behind
    assert [relay_batch(broker, turns=turns) for _ in range(3)] == [2, 1, 0]
    assert not turns.is_behind
