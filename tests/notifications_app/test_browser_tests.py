"""POST /api/push-subscriptions/{id}/test: sent at once, and what the push service answered."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts_app.models import User
from devkit.demo.push_profiles import APPLE, RefusalError
from devkit.demo.push_service import HangError, PushService
from notifications_app import pinned_http
from notifications_app.browser_tests import send_test
from notifications_app.channels.channel import AttemptOutcome, Verdict
from notifications_app.channels.web_push import WebPush
from notifications_app.deliveries import create_test_delivery
from notifications_app.models import Delivery, PushSubscription
from notifications_app.push_answers import in_words
from tests.notifications_app.conftest import hints_sent, subscribe

ClientOf = Callable[[User], APIClient]
URL = "/api/push-subscriptions"


@pytest.fixture
def ask(alice: User, client_of: ClientOf, service: PushService) -> Callable[..., Response]:
    """`ask()`: alice tests her browser."""
    row = subscribe(alice, service.subscribe(APPLE))

    def post(body: dict[str, Any] | None = None) -> Response:
        client = client_of(alice)
        client.raise_request_exception = False
        return client.post(f"{URL}/{row.pk}/test", body or {})

    return post


def test_it_is_sent_at_once_and_the_answer_is_said(ask: Callable[[], Any], service: PushService) -> None:
    response = ask()
    assert response.status_code == 200
    body = response.json()
    assert (body["state"], body["channel"]) == ("sent", "web_push")
    (attempt,) = body["attempts"]
    assert (attempt["status"], attempt["error"], attempt["meaning"]) == (201, "", in_words(201, ""))
    assert service.messages[0].notification["title"] == "Test notification"
    assert Delivery.objects.get().reminder is None
    assert hints_sent() == 0


@pytest.mark.parametrize(
    ("status", "state", "says"),
    [
        (403, "failed", "VAPID_PRIVATE_KEY"),
        (410, "failed", "no longer subscribed"),
        (429, "pending", "Too many messages"),
        (500, "pending", "tried again"),
    ],
)
def test_another_answer_is_said_in_words(
    ask: Callable[[], Any], service: PushService, status: int, state: str, says: str
) -> None:
    service.refusals = [RefusalError(status, "secret words of the push service")]
    response = ask()
    assert response.status_code == 200
    assert response.json()["state"] == state
    (attempt,) = response.json()["attempts"]
    assert attempt["status"] == status
    assert says in attempt["meaning"]
    assert b"secret words" not in response.content
    assert PushSubscription.objects.exists() == (status != 410)


def test_silence_is_said_after_a_bounded_time(
    ask: Callable[[], Any], service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinned_http, "READ_SECONDS", 0.2)
    service.refusals = [HangError()]
    response = ask()
    assert response.status_code == 200
    (attempt,) = response.json()["attempts"]
    assert (attempt["status"], attempt["meaning"]) == (None, in_words(None, "timed out"))
    assert "timed out" in attempt["error"]


def test_without_a_key_it_says_so(ask: Callable[[], Any], service: PushService, settings: Settings) -> None:
    settings.VAPID_PRIVATE_KEY = ""
    response = ask()
    assert response.status_code == 503
    assert response.json()["errors"][0]["code"] == "push_not_configured"
    assert not Delivery.objects.exists()


def test_a_field_is_refused_before_anything_is_sent(ask: Callable[..., Any], service: PushService) -> None:
    response = ask({"title": "Mine"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["code"] == "unknown_field"
    assert service.requests == 0


@pytest.mark.django_db(transaction=True)
def test_while_one_is_under_way_another_is_left_to_the_workers(
    ask: Callable[[], Any],
    alice: User,
    service: PushService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One thread of the web may wait for a server that a user chose. It holds no transaction meanwhile."""
    answers: list[Any] = []

    def send(_channel: WebPush, _delivery: Delivery) -> AttemptOutcome:
        assert not connection.in_atomic_block
        answers.append(ask())
        return AttemptOutcome(verdict=Verdict.SENT, status=201)

    first = create_test_delivery(subscribe(alice, service.subscribe()))
    monkeypatch.setattr(WebPush, "send", send)
    send_test(first)

    assert first.state == "sent"
    (second,) = answers
    assert second.status_code == 202
    assert (second.json()["state"], second.json()["attempts"]) == ("pending", [])
    assert hints_sent() == 1
