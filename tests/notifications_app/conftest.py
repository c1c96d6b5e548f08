"""A push service on this machine, browsers at it, and reminders on their way to them."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from celery import Celery
from pytest_django import Settings

from accounts_app.models import User
from devkit.demo.push_profiles import RefusalError
from devkit.demo.push_service import Browser, PushService, push_service
from devkit.embedded.instance import new_vapid_key
from events_app.brokers import InProcessBroker
from events_app.relay import relay_batch
from notifications_app import hints, pinned_http
from notifications_app.models import Delivery, PushSubscription
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver
from tasks_app.models import Task
from todo_project.celery import app

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def configured(settings: Settings) -> None:
    settings.PUSH_ALLOW_INSECURE_ENDPOINTS = True
    settings.VAPID_PRIVATE_KEY = new_vapid_key()
    settings.VAPID_SUBJECT = "mailto:operator@todo-operator.net"  # Apple refuses reserved names


@pytest.fixture(autouse=True)
def closed_connections() -> Iterator[None]:
    """None is kept for the next test."""
    yield
    pinned_http.close_idle()


@pytest.fixture
def service() -> Iterator[PushService]:
    with push_service() as running:
        yield running


@pytest.fixture
def noon() -> Iterator[time_machine.Traveller]:
    """It is noon, and stays noon until the test moves on."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """What DNS answers for a name: a list of addresses for each question, the last one from then on."""
    answers: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if host not in answers:
            return real(host, port, *args, **kwargs)
        found = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        return [entry for address in found for entry in real(address, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers


@pytest.fixture(autouse=True)
def celery_broker() -> Iterator[Callable[[str], None]]:
    """Messages go to this process's memory; `celery_broker(url)` sends them elsewhere."""
    url = app.conf.broker_url
    _use_broker(app, "memory://")
    hints_sent()  # what other tests left
    yield lambda other: _use_broker(app, other)
    _use_broker(app, url)


def _use_broker(celery: Celery, url: str) -> None:
    hints.pause.end()
    celery.conf["CELERY_BROKER_URL"] = url
    celery._pool = celery.amqp._producer_pool = None


def hints_sent() -> int:
    """How many hints the workers were sent since the last call."""
    count = 0
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue("deliveries")
        while queue.qsize():
            message = queue.get()
            message.ack()
            assert (message.headers["task"], message.payload[0]) == ("notifications_app.deliver_due", [])
            count += 1
        queue.close()
    return count


def subscribe(user: User, browser: Browser) -> PushSubscription:
    return PushSubscription.objects.create(user=user, user_agent="a browser", **browser.subscription)


def task_due(user: User, **fields: object) -> Task:
    """A task whose reminder came due a second ago."""
    return Task.objects.create(**{"user": user, "title": "Call mum", "reminder_at": _a_second_ago()} | fields)


def _a_second_ago() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=1)


def relay() -> int:
    """Hand what is in the outbox to its handlers."""
    return relay_batch(InProcessBroker())


def pending_delivery(user: User, browser: Browser, **fields: object) -> Delivery:
    """A delivery to the browser of a reminder that came due, as the scan makes it, with the outbox empty."""
    subscription = subscribe(user, browser)
    task = task_due(user, **fields)
    assert scan_reminders() == 1
    relay()
    return Delivery.objects.get(reminder__task=task, subscription=subscription)


def one_of_two_deliveries(user: User, service: PushService) -> Delivery:
    """One of the deliveries to two browsers of a reminder that came due."""
    subscribe(user, service.subscribe())
    return pending_delivery(user, service.subscribe())


def after_one_attempt(delivery: Delivery) -> Delivery:
    deliver(delivery.pk)
    delivery.refresh_from_db()
    return delivery


def attempts_of(delivery: Delivery) -> list[tuple[int | None, str]]:
    """(status, error) of each attempt, in order."""
    return list(delivery.attempts.values_list("status", "error"))


def refusing(service: PushService, status: int, text: str = "", **headers: str) -> None:
    """Have the push service answer its next request so."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    service.refusals.append(RefusalError(status, text, named))
