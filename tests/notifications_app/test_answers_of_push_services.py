"""Push services that answer anything, to many reminders of many people: the right thing each time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from random import Random

import pytest
import time_machine

from accounts_app.models import User
from devkit.demo.push_profiles import PROFILES, RefusalError
from devkit.demo.push_service import Exchange, HangError, PushService, ResetError
from notifications_app import pinned_http
from notifications_app.channels.web_push import retry_after
from notifications_app.models import Delivery, PushSubscription
from notifications_app.scan import scan_reminders
from tasks_app.models import Task
from tests.notifications_app.conftest import after_one_attempt, relay, subscribe, task_due

PEOPLE = 6
BROWSERS = 4
HANGS = 0.2  # of one answer in nineteen: each takes three seconds
ROUNDING_SECONDS = 0.001
GONE, REFUSED = {404, 410}, {400, 401, 403, 413}
SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.fuzz) for seed in range(2, 30))]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned_http, "READ_SECONDS", 3.0)


def any_answer(random: Random) -> RefusalError | ResetError | HangError | None:
    """One of everything that a push service may do, and often it takes the message."""
    wait = random.choice((0, 30, 120, 1800))
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=wait), usegmt=True)
    return random.choice(
        [
            *[None] * 8,
            *(RefusalError(status, "no") for status in (400, 401, 403, 404, 410, 413, 500, 503)),
            RefusalError(429, "slow", {"Retry-After": str(wait)}),
            RefusalError(429, "slow", {"Retry-After": date}),
            RefusalError(503, "busy", {"Retry-After": str(wait)}),
            RefusalError(429, "slow", {"Retry-After": "soon"}),
            ResetError(),
            HangError() if random.random() < HANGS else ResetError(),
        ]
    )


class Story:
    """Reminders of several people to several browsers each, until nothing is pending."""

    def __init__(self, service: PushService, clock: time_machine.Traveller, seed: int) -> None:
        self.service, self.clock, self.random = service, clock, Random(seed)
        self.completed: dict[int, datetime] = {}

    def play(self) -> None:
        for number in range(PEOPLE):
            user = User.objects.create_user(f"user{number}@example.test", "correct horse battery staple")
            for _ in range(BROWSERS):
                subscribe(user, self.service.subscribe(self.random.choice(PROFILES)))
            task_due(user, title=f"Task {number}", description="漢" * 1000)
        scan_reminders()
        relay()
        for at in self._due_times():
            self.clock.move_to(at)
            for delivery in Delivery.objects.filter(state="pending", next_attempt_at__lte=at):
                self.service.refusals = [any_answer(self.random) for _ in range(3)]
                after_one_attempt(delivery)
                self._sometimes_complete(delivery)

    def _due_times(self) -> Iterator[datetime]:
        pending = Delivery.objects.filter(state="pending").order_by("next_attempt_at")
        while first := pending.first():
            yield max(first.next_attempt_at, datetime.now(UTC))

    def _sometimes_complete(self, delivery: Delivery) -> None:
        assert delivery.reminder
        if delivery.reminder.task_id not in self.completed and self.random.random() < 0.05:
            task = Task.objects.get(pk=delivery.reminder.task_id)
            task.completed = True
            task.save()
            self.completed[task.pk] = datetime.now(UTC)

    def exchanges_of(self, delivery: Delivery) -> list[Exchange]:
        path = delivery.target.removeprefix(self.service.url)
        return [exchange for exchange in self.service.exchanges if exchange.path == path]


@pytest.mark.usefixtures("db", "impatient")
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_answered_the_right_thing_is_done(
    service: PushService, noon: time_machine.Traveller, seed: int
) -> None:
    story = Story(service, noon, seed)
    story.play()

    deliveries = list(Delivery.objects.select_related("reminder"))
    assert len(deliveries) == PEOPLE * BROWSERS
    for delivery in deliveries:
        exchanges = story.exchanges_of(delivery)
        assert is_removed_only_when_gone(delivery, exchanges)
        assert [early for early in pairwise(exchanges) if comes_too_early(*early)] == []
        assert delivery.reminder
        assert not [
            exchange
            for exchange in exchanges
            if exchange.at
            > story.completed.get(delivery.reminder.task_id, datetime.max.replace(tzinfo=UTC)).timestamp()
        ]
        assert delivery.state == right_state(
            exchanges, completed=delivery.reminder.task_id in story.completed
        )
    arrived = {message.browser.endpoint for message in service.messages}
    assert {delivery.target for delivery in deliveries if delivery.state == "sent"} == arrived
    assert len(service.messages) == len(arrived)  # once each


def is_removed_only_when_gone(delivery: Delivery, exchanges: list[Exchange]) -> bool:
    is_gone = any(exchange.status in GONE for exchange in exchanges)
    return is_gone != PushSubscription.objects.filter(endpoint=delivery.target).exists()


def comes_too_early(first: Exchange, second: Exchange) -> bool:
    """Whether the second came before its time. A 400 or a 413 is sent again at once, in a simpler form."""
    if first.status in (400, 413):
        return False
    if first.status == 201 or first.status in GONE | REFUSED:
        return True  # no other one may come
    asked = retry_after_of(first)
    return second.at - first.at < (5 if asked is None else max(asked, 10)) - ROUNDING_SECONDS


def retry_after_of(exchange: Exchange) -> float | None:
    """The seconds from the answer until the time that it named."""
    with time_machine.travel(datetime.fromtimestamp(exchange.at, UTC), tick=False):
        wait = retry_after(exchange.headers.get("Retry-After"))
    return None if wait is None else wait.total_seconds()


def right_state(exchanges: list[Exchange], *, completed: bool) -> str:
    last = exchanges[-1].status if exchanges else None
    if last == 201:
        return "sent"
    if last in GONE | REFUSED:
        return "failed"
    return "cancelled" if completed else "expired"
