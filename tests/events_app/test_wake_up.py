"""A commit wakes the relay, with one hint a transaction; nothing depends on it."""

import threading
from collections.abc import Iterator
from time import monotonic

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from events_app import outbox
from events_app.models import OutboxEvent
from events_app.outbox import wake_up_of_settings
from events_app.relay import LONGEST_POLL_SECONDS, POLL_WITH_HINTS_SECONDS, SILENCE_SECONDS, Relay
from tests.acceptance.processes import eventually
from tests.events_app.test_outbox import new
from tests.events_app.test_relay import Keeper, another_session
from tests.events_app.test_relay import patient_server as patient_server

pytestmark = pytest.mark.django_db(transaction=True)


class Counting:
    """A way to the relay that counts the hints it is to send."""

    sent = 0

    def send(self) -> None:
        type(self).sent += 1

    def hints(self) -> Iterator[bool]:
        raise NotImplementedError


class Broken(Counting):
    def send(self) -> None:
        raise ZeroDivisionError


class Once(Counting):
    """Hears two hints, then nothing any more."""

    def hints(self) -> Iterator[bool]:
        yield True
        yield True
        raise ConnectionError


@pytest.fixture
def counting(settings: Settings) -> type[Counting]:
    settings.EVENT_WAKE_UP = f"{__name__}.Counting"
    Counting.sent = 0
    return Counting


@pytest.fixture
def relay() -> Iterator[Relay]:
    relay = Relay(Keeper())
    yield relay
    connection.close()  # the lock goes with the session


def write_one() -> None:
    with transaction.atomic():
        outbox.write([new()])


def test_a_transaction_sends_one_hint_when_it_is_committed(counting: type[Counting]) -> None:
    with transaction.atomic():
        outbox.write([new(), new()])
        outbox.write([new()])
        assert counting.sent == 0
    assert counting.sent == 1
    write_one()
    assert counting.sent == 2


def test_what_is_rolled_back_wakes_no_one(counting: type[Counting]) -> None:
    with transaction.atomic():
        outbox.write([new()])
        transaction.set_rollback(True)
    assert counting.sent == 0


def test_an_event_after_a_savepoint_that_was_rolled_back_has_its_hint(counting: type[Counting]) -> None:
    with transaction.atomic():
        with transaction.atomic():
            outbox.write([new()])
            transaction.set_rollback(True)
        outbox.write([new()])
    assert counting.sent == 1


def test_a_hint_that_fails_takes_nothing_back(settings: Settings) -> None:
    settings.EVENT_WAKE_UP = f"{__name__}.Broken"
    write_one()
    assert OutboxEvent.objects.count() == 1


def test_a_relay_that_sleeps_is_woken_by_a_commit(relay: Relay) -> None:
    thread = threading.Thread(target=relay.hear, args=[wake_up_of_settings()])
    thread.start()
    try:
        eventually(lambda: relay.hears_hints)
        threading.Timer(0.5, lambda: (write_one(), connection.close())).start()
        began = monotonic()
        relay.step()
        while not relay.broker.events:  # hints of other tests may wake it too
            relay.sleep(30)
            relay.step()
        assert monotonic() - began < 30
    finally:
        relay.stop()
        thread.join(60)
    assert not thread.is_alive()


def test_the_poll_is_slow_while_hints_come_but_keeps_the_session(relay: Relay) -> None:
    relay.hears_hints = True
    assert relay.step() == POLL_WITH_HINTS_SECONDS < SILENCE_SECONDS


def test_without_hints_the_relay_polls_as_often_as_ever(relay: Relay) -> None:
    with pytest.raises(ConnectionError):
        relay.hear(Once())
    relay.step()
    relay.sleep(30)  # is woken: it may have gone to sleep while hints came
    assert max(relay.step() for _ in range(20)) == LONGEST_POLL_SECONDS


def test_a_standby_is_not_woken(relay: Relay) -> None:
    with another_session() as active:
        assert active == [True]
        with pytest.raises(ConnectionError):
            relay.hear(Once())
        relay.step()
        sleeping = threading.Thread(target=relay.sleep, args=[60])
        sleeping.start()
        sleeping.join(0.2)
        assert sleeping.is_alive()
        relay.stop()
        sleeping.join(60)
        assert not sleeping.is_alive()
