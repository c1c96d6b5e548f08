"""A failing handler parks its event; order holds for its key, and nobody else waits."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
import structlog
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.utils import timezone

from events_app import groups
from events_app.brokers import InProcessBroker
from events_app.envelope import Event
from events_app.handling import MAX_ATTEMPTS, backoff, bury, handle, requeue, retry_parked
from events_app.models import DeadLetter, ParkedEvent

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
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "_handlers", groups.defaultdict(dict))


@pytest.fixture
def group(only_ours: None) -> Group:
    return Group("one")


@pytest.fixture
def other(only_ours: None) -> Group:
    return Group("other")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-01-01T00:00:00Z", tick=False) as traveller:
        yield traveller


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


def test_retries_back_off_then_the_event_dies_and_the_next_goes_on(group: Group, clock) -> None:
    group.poison = {"1"}
    publish(event("1"), event("2"))
    for attempt in range(1, MAX_ATTEMPTS):
        assert ParkedEvent.objects.get(subject="1").attempts == attempt
        clock.shift(backoff(attempt) - timedelta(seconds=1))
        assert retry_parked() == 0
        clock.shift(timedelta(seconds=1))
        retry_parked()
    dead = DeadLetter.objects.get()
    assert (dead.group, dead.subject, dead.attempts) == ("one", "1", MAX_ATTEMPTS)
    assert dead.error == "ZeroDivisionError: 1"
    assert dead.request_id == "r-1"
    assert group.handled == ["2"]


def test_a_dead_letter_can_be_requeued(group: Group, clock) -> None:
    group.poison = {"1"}
    publish(event("1"))
    for attempt in range(1, MAX_ATTEMPTS):
        clock.shift(backoff(attempt))
        retry_parked()
    group.poison = set()
    requeue(DeadLetter.objects.get())
    assert retry_parked() == 1
    assert group.handled == ["1"]
    assert not DeadLetter.objects.exists()


def test_a_tick_that_runs_out_of_time_is_no_fault_of_the_event(group: Group, clock, monkeypatch) -> None:
    group.poison = {"1"}
    publish(event("1"))
    clock.shift(backoff(1))

    def run_out(_: Event) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setitem(groups._handlers["one"], "reminder.due", run_out)
    with pytest.raises(SoftTimeLimitExceeded):
        retry_parked()
    assert ParkedEvent.objects.get().attempts == 1


def test_what_a_failing_handler_wrote_is_taken_back(only_ours: None) -> None:
    from accounts_app.models import User

    @groups.handles("reminder.due", group="writes")
    def write_and_fail(_: Event) -> None:
        User.objects.create_user("ghost@example.test")
        raise ZeroDivisionError

    publish(event("1"))
    assert not User.objects.exists()
    assert ParkedEvent.objects.get().error == "ZeroDivisionError: "


def test_a_broken_reference_parks_the_event_too(only_ours: None) -> None:
    """Foreign keys are checked at commit: without asking earlier the relay would fail, for ever."""
    from tasks_app.models import Tag

    @groups.handles("reminder.due", group="dangles")
    def write_dangling(_: Event) -> None:
        Tag.objects.create(user_id=uuid4(), name="nobody's")

    publish(event("1"))
    assert "IntegrityError" in ParkedEvent.objects.get().error


@pytest.mark.django_db(transaction=True)
def test_what_follows_the_commit_knows_whose_request_it_was(only_ours: None, clock) -> None:
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


def test_a_requeued_letter_is_told_with_its_event(group: Group) -> None:
    group.poison = {"1"}
    handle("one", event("1"))
    parked = ParkedEvent.objects.get()
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        requeue(bury(parked))
    (line,) = [line for line in lines if line["event"] == "dead_letter_requeued"]
    assert (line["event_id"], line["group"]) == (str(parked.event_id), "one")
