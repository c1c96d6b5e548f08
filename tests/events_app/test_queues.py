"""What the three queues share: how long they wait, what is due, a lease, and a purge in batches."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from events_app import queues
from events_app.models import ParkedEvent

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def park(subject: str, *, due: datetime) -> ParkedEvent:
    return ParkedEvent.objects.create(
        group="one", event_id=uuid4(), topic="reminders", type="reminder.due", key="alice", subject=subject,
        sequence=1, data={}, next_attempt_at=due,
    )  # fmt: skip


def test_each_wait_is_twice_the_one_before_up_to_the_longest() -> None:
    waits = [queues.backoff(attempts, first=MINUTE, longest=5 * MINUTE) for attempts in (1, 2, 3, 4, 10_000)]
    assert waits == [MINUTE, 2 * MINUTE, 4 * MINUTE, 5 * MINUTE, 5 * MINUTE]


def test_what_is_due_comes_oldest_first() -> None:
    park("later", due=NOON + MINUTE)
    park("second", due=NOON)
    park("first", due=NOON - MINUTE)
    due = queues.lock_due(ParkedEvent.objects.all(), NOON, longest=MINUTE)
    assert [row.subject for row in due] == ["first", "second"]


def test_what_is_further_ahead_than_the_longest_wait_is_due_too() -> None:
    park("a minute", due=NOON + MINUTE)
    park("longer", due=NOON + MINUTE + timedelta(microseconds=1))
    found = ParkedEvent.objects.filter(queues.due(NOON, longest=MINUTE))
    assert [row.subject for row in found] == ["longer"]
    for row in ParkedEvent.objects.all():
        is_due = queues.is_due(row.next_attempt_at, NOON, longest=MINUTE)
        assert is_due == (row.subject == "longer")


def test_what_was_written_ahead_of_now_has_passed() -> None:
    park("just now", due=NOON)
    park("a minute ago", due=NOON - MINUTE)
    park("ahead", due=NOON + timedelta(microseconds=1))
    found = ParkedEvent.objects.filter(queues.passed(NOON, wait=MINUTE, field="next_attempt_at"))
    assert [row.subject for row in found] == ["a minute ago", "ahead"]


def test_a_lease_hides_the_row_until_it_ends_and_writes_what_goes_with_it() -> None:
    row = park("1", due=NOON)
    queues.lease(row, until=NOON + MINUTE, attempts=1)
    assert not queues.lock_due(ParkedEvent.objects.all(), NOON, longest=MINUTE)
    (again,) = queues.lock_due(ParkedEvent.objects.all(), NOON + MINUTE, longest=MINUTE)
    assert (again, again.attempts) == (row, 1)


def test_batches_end_with_one_that_is_not_full_or_with_the_call() -> None:
    sizes = iter([2, 2, 1, 9])
    assert queues.drain(lambda: next(sizes), full=2) == 5
    assert queues.drain(lambda: next(sizes, 0)) == 9
    assert queues.drain(lambda: 3) == 3 * queues.BATCHES_PER_CALL


def test_a_purge_takes_one_batch_in_order() -> None:
    for subject in "123":
        park(subject, due=NOON)
    assert queues.purge(ParkedEvent.objects.order_by("id"), batch=2) == 2
    assert ParkedEvent.objects.get().subject == "3"
