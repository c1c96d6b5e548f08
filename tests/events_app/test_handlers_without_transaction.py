"""A handler that writes nothing to the database is spared the transaction, not the order of its events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from events_app import groups
from events_app.envelope import Event
from events_app.handling import handle, handle_together
from events_app.models import ParkedEvent
from events_app.parked import look_again, retry_parked

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Spared:
    """`refused` are the subjects it fails on."""

    refused: set[str] = field(default_factory=set)
    handled: list[str] = field(default_factory=list)
    in_transaction: list[bool] = field(default_factory=list)

    def handle(self, event: Event) -> None:
        self.in_transaction.append(connection.in_atomic_block)
        if event.subject in self.refused:
            raise RuntimeError("refused")
        self.handled.append(event.subject)


@pytest.fixture
def spared(no_handlers: None) -> Spared:
    look_again("spared")
    one = Spared()
    groups.handles("reminder.due", group="spared", transactional=False)(one.handle)
    return one


def event(subject: str, *, key: str = "alice") -> Event:
    return Event(
        id=uuid4(),
        topic="reminders",
        type="reminder.due",
        key=key,
        subject=subject,
        sequence=1,
        time=timezone.now(),
        data={},
    )


@pytest.mark.parametrize("on_record", [False, True])
def test_it_is_called_outside_any_transaction_and_nothing_is_written(spared: Spared, on_record: bool) -> None:
    handle("spared", event("1"), on_record=on_record)
    assert (spared.handled, spared.in_transaction) == (["1"], [False])
    assert not ParkedEvent.objects.exists()


def test_what_follows_on_a_failure_waits_behind_it(
    spared: Spared, clock: time_machine.Traveller, settings: Settings
) -> None:
    handle("spared", event("1"))
    spared.refused = {"2"}
    for subject in "23":
        handle("spared", event(subject))
    handle("spared", event("bobs", key="bob"))
    assert spared.handled == ["1", "bobs"]
    assert list(ParkedEvent.objects.values_list("subject", "attempts")) == [("2", 1), ("3", 0)]
    spared.refused = set()
    clock.shift(settings.EVENT_FIRST_RETRY)
    assert retry_parked() == 2
    assert spared.handled == ["1", "bobs", "2", "3"]


def test_a_group_with_nothing_parked_is_not_asked_for_each_event(
    spared: Spared, clock: time_machine.Traveller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        for subject in "123":
            handle("spared", event(subject))
    assert spared.handled == ["1", "2", "3"]


def test_batches_are_called_outside_any_transaction_unless_something_of_their_keys_is_parked(
    no_handlers: None, clock: time_machine.Traveller, settings: Settings
) -> None:
    look_again("spared")
    spared = Spared()
    calls: list[list[str]] = []

    def take(events: Sequence[Event]) -> None:
        calls.append([one.subject for one in events])
        for one in events:
            spared.handle(one)

    groups.handles("reminder.due", group="spared", transactional=False, in_batches=True)(take)
    handle_together("spared", [event("1"), event("bobs", key="bob")], on_record=True)
    assert (calls, spared.in_transaction) == ([["1", "bobs"]], [False, False])
    spared.refused = {"2"}
    handle_together("spared", [event("2"), event("3")])
    handle_together("spared", [event("4"), event("bobs again", key="bob")])
    assert calls[1:] == [["2", "3"], ["2"], ["bobs again"]]
    spared.refused = set()
    clock.shift(settings.EVENT_FIRST_RETRY)
    assert retry_parked() == 3
    assert spared.handled == ["1", "bobs", "bobs again", "2", "3", "4"]
