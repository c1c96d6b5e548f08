"""A failing handler parks its event; order holds for its key, and other keys do not wait."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import structlog
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from events_app import groups
from events_app.brokers import InProcessBroker
from events_app.envelope import Event
from events_app.handling import handle
from events_app.models import DeadLetter, ParkedEvent
from events_app.parked import UNENDED, backoff, bury, requeue, retry_parked
from tests.events_app.handlers import replace_handler

pytestmark = pytest.mark.django_db


class Group:
    """A group whose handler fails for the subjects in `poison`, and keeps what it has handled."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.poison: set[str] = set()
        self.handled: list[str] = []
        groups.handles("reminder.due", group=name)(self.handle)

    def handle(self, event: Event) -> None:
        if event.subject in self.poison:
            raise ZeroDivisionError(event.subject)
        self.handled.append(event.subject)


@pytest.fixture
def group(no_handlers: None) -> Group:
    return Group("one")


@pytest.fixture
def other(no_handlers: None) -> Group:
    return Group("other")


def event(subject: str, key: str = "alice") -> Event:
    return Event(
        id=uuid4(), topic="reminders", type="reminder.due", key=key, subject=subject, sequence=1,
        time=timezone.now(), data={}, request_id="r-1",
    )  # fmt: skip


def publish(*events: Event) -> None:
    assert InProcessBroker().publish(events, waiting=lambda: None) == len(events)


def test_each_group_gets_each_event(group: Group, other: Group) -> None:
    publish(event("1"), event("2"))
    assert group.handled == other.handled == ["1", "2"]


def test_one_failing_group_does_not_stop_or_repeat_the_other(group: Group, other: Group, clock) -> None:
    group.poison = {"1"}
    publish(event("1"))
    clock.shift(backoff(1))
    group.poison = set()
    assert retry_parked() == 1
    assert (group.handled, other.handled) == (["1"], ["1"])


def test_later_events_of_the_key_queue_behind_and_other_keys_go_on(group: Group, clock) -> None:
    group.poison = {"1"}
    publish(event("1"), event("2"), event("3", key="bob"))
    assert group.handled == ["3"]
    group.poison = set()
    assert retry_parked() == 0  # not yet
    clock.shift(backoff(1))
    assert retry_parked() == 2
    assert group.handled == ["3", "1", "2"]
    publish(event("4"))
    assert group.handled[-1] == "4"


def test_a_row_that_cannot_be_read_does_not_keep_the_others_from_their_turn(group: Group, clock) -> None:
    group.poison = {"1", "2"}
    publish(event("1"), event("2", key="bob"))
    with connection.cursor() as cursor:  # as an earlier release could park it: Python has no such year
        cursor.execute("UPDATE parked_events SET time = '10000-01-01T00:00Z' WHERE subject = '1'")
    publish(event("3"))  # it waits behind that row, and is no dead letter
    group.poison = set()
    clock.shift(backoff(1))
    assert retry_parked() == 1
    assert group.handled == ["2"]
    assert set(ParkedEvent.objects.values_list("subject", flat=True)) == {"1", "3"}


def test_retries_back_off_then_the_event_dies_and_the_next_goes_on(group: Group, clock) -> None:
    group.poison = {"1"}
    publish(event("1"), event("2"))
    for attempt in range(1, settings.EVENT_MAX_ATTEMPTS):
        assert ParkedEvent.objects.get(subject="1").attempts == attempt
        clock.shift(backoff(attempt) - timedelta(seconds=1))
        assert retry_parked() == 0
        clock.shift(timedelta(seconds=1))
        retry_parked()
    dead = DeadLetter.objects.get()
    assert (dead.group, dead.subject, dead.attempts) == ("one", "1", settings.EVENT_MAX_ATTEMPTS)
    assert dead.error == "ZeroDivisionError: 1"
    assert dead.request_id == "r-1"
    assert group.handled == ["2"]


def test_the_waits_are_about_40_minutes_in_all() -> None:
    """Longer than a deploy or a restart takes, as docs/operations.md says."""
    waits = [backoff(attempts) for attempts in range(1, settings.EVENT_MAX_ATTEMPTS)]
    assert timedelta(minutes=40) <= sum(waits, timedelta()) <= timedelta(minutes=45)


def test_a_dead_letter_can_be_requeued(group: Group, clock) -> None:
    group.poison = {"1"}
    publish(event("1"))
    for attempt in range(1, settings.EVENT_MAX_ATTEMPTS):
        clock.shift(backoff(attempt))
        retry_parked()
    group.poison = set()
    requeue(DeadLetter.objects.get())
    assert retry_parked() == 1
    assert group.handled == ["1"]
    assert not DeadLetter.objects.exists()


def test_a_tick_that_runs_out_of_time_ends_and_the_event_stays(group: Group, clock) -> None:
    """It counts as an attempt: whose handler hangs takes all the time of each tick."""
    group.poison = {"1"}
    publish(event("1"))
    clock.shift(backoff(1))

    def run_out(_: Event) -> None:
        raise SoftTimeLimitExceeded

    replace_handler("one", run_out)
    with pytest.raises(SoftTimeLimitExceeded):
        retry_parked()
    parked = ParkedEvent.objects.get()
    assert (parked.attempts, parked.error) == (2, UNENDED)
    assert parked.next_attempt_at == timezone.now() + backoff(2)


def test_what_a_failing_handler_wrote_is_taken_back(no_handlers: None) -> None:
    from accounts_app.models import User

    @groups.handles("reminder.due", group="writes")
    def write_and_fail(_: Event) -> None:
        User.objects.create_user("ghost@example.test")
        raise ZeroDivisionError

    publish(event("1"))
    assert not User.objects.exists()
    assert ParkedEvent.objects.get().error == "ZeroDivisionError: "


def test_a_broken_reference_parks_the_event_too(no_handlers: None) -> None:
    """Foreign keys are checked at commit: without an earlier check the relay would fail forever."""
    from tasks_app.models import Tag

    @groups.handles("reminder.due", group="dangles")
    def write_dangling(_: Event) -> None:
        Tag.objects.create(user_id=uuid4(), name="without a user")

    publish(event("1"))
    assert "IntegrityError" in ParkedEvent.objects.get().error


@pytest.mark.django_db(transaction=True)
def test_what_follows_the_commit_knows_whose_request_it_was(no_handlers: None, clock) -> None:
    """A delivery is queued then: its worker's log lines carry the ids that are bound at that moment."""
    known: list[dict[str, object]] = []
    poison = [ZeroDivisionError()]

    @groups.handles("reminder.due", group="queues")
    def queue_later(_: Event) -> None:
        transaction.on_commit(lambda: known.append(structlog.contextvars.get_contextvars()))
        if poison:
            raise poison.pop()

    parked, other = event("1"), event("2", key="bob")
    publish(parked, other)
    clock.shift(backoff(1))
    assert retry_parked() == 1
    assert known == [
        {"request_id": "r-1", "event_id": str(told.id), "group": "queues"} for told in (other, parked)
    ]
    assert structlog.contextvars.get_contextvars() == {}


def test_parking_the_same_event_twice_is_one_row(group: Group) -> None:
    group.poison = {"1"}
    again = event("1")
    publish(again)
    publish(again)
    assert ParkedEvent.objects.count() == 1


def test_a_second_handler_of_a_type_in_a_group_is_refused(group: Group) -> None:
    with pytest.raises(ValueError, match="already"):
        Group("one")


def test_what_waits_behind_another_is_not_due_before_it(group: Group, clock: time_machine.Traveller) -> None:
    """Else each tick would look at all of it, to find that its turn has not come."""
    group.poison = {"1"}
    for subject in ("1", "2", "3"):
        handle("one", event(subject))
    clock.shift(backoff(1))
    assert retry_parked() == 0
    assert set(ParkedEvent.objects.values_list("next_attempt_at", flat=True)) == {timezone.now() + backoff(2)}
    group.poison = set()
    clock.shift(backoff(2))
    assert retry_parked() == 3
    assert group.handled == ["1", "2", "3"]


def test_a_requeued_letter_is_logged_with_its_event(group: Group, caplog: pytest.LogCaptureFixture) -> None:
    group.poison = {"1"}
    handle("one", event("1"))
    parked = ParkedEvent.objects.get()
    requeue(bury(parked))
    lines: list[Any] = [record.msg for record in caplog.records if record.name == "events_app.parked"]
    (line,) = [line for line in lines if line["event"] == "dead_letter_requeued"]
    assert (line["event_id"], line["group"]) == (str(parked.event_id), "one")


def test_attempts_and_waits_are_settings(group: Group, clock, settings: Settings) -> None:
    settings.EVENT_MAX_ATTEMPTS, settings.EVENT_FIRST_RETRY = 2, timedelta(seconds=1)
    group.poison = {"1"}
    publish(event("1"))
    clock.shift(1)
    assert retry_parked() == 1
    assert DeadLetter.objects.get().attempts == 2


def test_an_event_that_dies_again_is_one_dead_letter(group: Group, clock) -> None:
    """Its topic was read again, from an offset before it."""
    group.poison = {"1"}
    again = event("1")
    for _ in range(2):
        handle("one", again)
        bury(ParkedEvent.objects.get())
        clock.shift(1)
    dead = DeadLetter.objects.get()
    assert (dead.event_id, dead.died_at) == (again.id, timezone.now() - timedelta(seconds=1))


def test_where_an_event_came_from_stays_with_it(group: Group) -> None:
    group.poison = {"1"}
    handle("one", replace(event("1"), partition=3, offset=41))
    parked = ParkedEvent.objects.get()
    assert (parked.partition, parked.offset) == (3, 41)
    dead = bury(parked)
    assert (dead.partition, dead.offset) == (3, 41)
    assert (requeue(dead).partition, ParkedEvent.objects.get().offset) == (3, 41)


@pytest.mark.parametrize("said", ["\0", "\ud800", "x" * 100_000], ids=["NUL", "half a pair", "long"])
def test_whatever_an_error_says_it_can_be_kept(no_handlers: None, said: str) -> None:
    """Else the event could not even be parked, and its group would stand still."""

    @groups.handles("reminder.due", group="one")
    def fail(_: Event) -> None:
        raise ZeroDivisionError(said)

    handle("one", event("1"))
    assert ParkedEvent.objects.get().error.startswith("ZeroDivisionError: ")


class Killed(BaseException):
    """What a handler does that ends its process; nothing after it is written."""


def kill(_: Event) -> None:
    raise Killed


@pytest.mark.django_db(transaction=True)
class TestWhatEndsItsProcess:
    """The attempt is on record before it begins: otherwise the event would come first again, forever."""

    def test_it_is_parked_and_the_next_process_goes_on(self, group: Group) -> None:
        deadly, behind, other = event("1"), event("2"), event("3", key="bob")
        replace_handler("one", kill)
        with pytest.raises(Killed):
            handle("one", deadly, on_record=True)
        replace_handler("one", group.handle)
        for one in (deadly, behind, other):
            handle("one", one, on_record=True)
        assert group.handled == ["3"]
        parked = ParkedEvent.objects.order_by("id")
        assert [(row.subject, row.attempts, row.error) for row in parked] == [("1", 1, UNENDED), ("2", 0, "")]

    def test_it_dies_after_as_many_attempts_as_any(self, group: Group, clock) -> None:
        replace_handler("one", kill)
        with pytest.raises(Killed):
            handle("one", event("1"), on_record=True)
        handle("one", event("2"), on_record=True)
        for _ in range(2, settings.EVENT_MAX_ATTEMPTS + 1):
            clock.shift(timedelta(minutes=1))  # no longer than that, although no failure was recorded
            with pytest.raises(Killed):
                retry_parked()
        replace_handler("one", group.handle)
        clock.shift(timedelta(minutes=1))
        assert retry_parked() == 2
        assert group.handled == ["2"]
        dead = DeadLetter.objects.get()
        assert (dead.subject, dead.attempts, dead.error) == ("1", settings.EVENT_MAX_ATTEMPTS, UNENDED)

    def test_what_succeeds_leaves_nothing(self, group: Group) -> None:
        for subject in ("1", "2"):
            handle("one", event(subject), on_record=True)
        assert group.handled == ["1", "2"]
        assert not ParkedEvent.objects.exists()

    def test_what_fails_is_parked_as_ever(self, group: Group, clock) -> None:
        group.poison = {"1"}
        handle("one", event("1"), on_record=True)
        parked = ParkedEvent.objects.get()
        assert (parked.attempts, parked.error) == (1, "ZeroDivisionError: 1")
        assert parked.next_attempt_at == timezone.now() + backoff(1)

    def test_a_relay_that_starts_begins_so(self, group: Group) -> None:
        replace_handler("one", kill)
        deadly = event("1")
        with pytest.raises(Killed):
            publish(deadly)
        replace_handler("one", group.handle)
        publish(deadly, event("2", key="bob"))
        assert group.handled == ["2"]
        assert ParkedEvent.objects.get().subject == "1"


def test_what_is_parked_while_its_head_is_tried_is_due_as_soon_as_that_is_done(group: Group, clock) -> None:
    group.poison = {"1"}
    handle("one", event("1"))
    clock.shift(backoff(1))

    def meanwhile(_: Event) -> None:
        handle("one", event("2"))

    replace_handler("one", meanwhile)
    retry_parked()
    replace_handler("one", group.handle)
    assert ParkedEvent.objects.get().next_attempt_at == timezone.now()
