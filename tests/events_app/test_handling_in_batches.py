"""A handler of batches gets what there is at once; one event that fails keeps no other from it."""

from collections.abc import Sequence

import pytest
from django.db import connection

from events_app import groups
from events_app.brokers import InProcessBroker
from events_app.envelope import Event
from events_app.handling import handle_together
from events_app.models import ParkedEvent
from events_app.parked import backoff, retry_parked
from tests.events_app.test_handling import Group, event

pytestmark = pytest.mark.django_db


class Batches:
    """A group whose handler takes batches, fails if it meets poison, and keeps what it has handled."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.poison: set[str] = set()
        self.handled: list[list[str]] = []
        groups.handles("reminder.due", group=name, in_batches=True)(self.handle)

    def handle(self, events: Sequence[Event]) -> None:
        subjects = [one.subject for one in events]
        if self.poison & set(subjects):
            raise ZeroDivisionError(subjects)
        self.handled.append(subjects)


@pytest.fixture
def batches(no_handlers: None) -> Batches:
    return Batches("batches")


def publish(*events: Event, met: int = 0) -> None:
    """By a broker that has taken `met` events before: the first of a process are on record."""
    broker = InProcessBroker()
    broker.publish([event("earlier", key="someone")] * met, waiting=lambda: None)
    assert broker.publish(events, waiting=lambda: None) == len(events)


def parked() -> list[str]:
    return list(ParkedEvent.objects.order_by("id").values_list("subject", flat=True))


@pytest.mark.parametrize("met", [0, InProcessBroker.batch_size])
def test_a_batch_is_one_call_beside_a_group_that_takes_single_events(batches: Batches, met: int) -> None:
    single = Group("single")
    publish(event("1"), event("2", key="bob"), event("3"), met=met)
    assert batches.handled[-1] == ["1", "2", "3"]
    assert single.handled[-3:] == ["1", "2", "3"]
    assert parked() == []


@pytest.mark.parametrize("on_record", [True, False])
def test_one_that_fails_is_parked_with_those_of_its_key_behind_it(
    batches: Batches, on_record: bool, clock
) -> None:
    batches.poison = {"2"}
    events = [event("1"), event("2"), event("3"), event("4", key="bob")]
    handle_together("batches", events, on_record=on_record)
    assert batches.handled == [["1"], ["4"]]
    assert parked() == ["2", "3"]

    batches.poison = set()
    clock.shift(backoff(1))
    assert retry_parked() == 2
    assert batches.handled[2:] == [["2"], ["3"]]


@pytest.mark.parametrize("on_record", [True, False])
def test_what_is_parked_of_a_key_stays_before_its_next_events(
    batches: Batches, on_record: bool, clock
) -> None:
    batches.poison = {"1"}
    handle_together("batches", [event("1")], on_record=on_record)
    batches.poison = set()
    handle_together("batches", [event("2"), event("3", key="bob")], on_record=on_record)
    assert batches.handled == [["3"]]
    assert parked() == ["1", "2"]


def test_what_a_failed_batch_wrote_is_undone(no_handlers: None) -> None:
    @groups.handles("reminder.due", group="writer", in_batches=True)
    def write(events: Sequence[Event]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE priorities SET name = name || '!' WHERE level = 1")
        if len(events) > 1:
            raise ZeroDivisionError

    handle_together("writer", [event("1"), event("2")])
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM priorities WHERE level = 1")
        assert cursor.fetchone() == ("Low!!",)  # once for each


def test_a_process_that_ends_in_a_batch_leaves_all_of_it_on_record(batches: Batches) -> None:
    class KilledError(BaseException):
        """As far as our code can tell, kill -9: nothing after it runs."""

    def die(events: Sequence[Event]) -> None:
        raise KilledError

    groups.registry["batches"]["reminder.due"] = groups.Handler(die, in_batches=True)
    with pytest.raises(KilledError):
        publish(event("1"), event("2", key="bob"))
    assert list(ParkedEvent.objects.values_list("subject", "attempts").order_by("id")) == [("1", 1), ("2", 1)]


def test_another_type_of_the_group_comes_in_its_order(batches: Batches) -> None:
    order: list[str] = []
    groups.handles("task.sync", group="batches")(lambda one: order.append(f"sync {one.subject}"))
    batches.handled = order  # type: ignore[assignment]
    first, second, third = event("1"), event("2"), event("3")
    publish(first, event("x").__class__(**{**vars(second), "type": "task.sync"}), third)
    assert order == [["1"], "sync 2", ["3"]]
