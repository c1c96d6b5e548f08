"""RateLimit and RateLimit-Policy on each answer that was counted (draft-ietf-httpapi-ratelimit-headers)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings
from redis import Redis
from rest_framework.test import APIClient

from accounts_app.models import User
from state_store.cache import CountingCache
from state_store.pause import Pause

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture(autouse=True)
def empty_store(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(CountingCache, "pause", Pause())
    with Redis.from_url(settings.REDIS_URL, decode_responses=True) as store:
        for key in store.scan_iter("todo-app::throttle::*"):
            store.delete(key)
        yield


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


def limits(answer: Any) -> tuple[str | None, str | None]:
    return answer.headers.get("RateLimit-Policy"), answer.headers.get("RateLimit")


def test_what_is_left_is_on_each_write(client: APIClient, settings: Settings, clock: Any) -> None:
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"writes": "2/min"}
    clock.shift(18)
    answers = [client.post("/api/tasks", {"title": title}) for title in ("one", "", "three")]
    assert [answer.status_code for answer in answers] == [201, 400, 429]
    assert [limits(answer) for answer in answers] == [
        ('"writes";q=2;w=60', '"writes";r=1;t=42'),
        ('"writes";q=2;w=60', '"writes";r=0;t=42'),
        ('"writes";q=2;w=60', '"writes";r=0;t=42'),
    ]
    assert answers[2]["Retry-After"] == "42"


def test_each_limit_that_counted_is_named(settings: Settings) -> None:
    rates = {"sign_in_by_address": "60/min", "sign_in_by_account": "30/h"}
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | rates
    answer = APIClient().post("/api/auth/token", {"email": "alice@example.test", "password": "wrong"})
    assert limits(answer) == (
        '"sign_in_by_address";q=60;w=60, "sign_in_by_account";q=30;w=3600',
        '"sign_in_by_address";r=59;t=60, "sign_in_by_account";r=29;t=3600',
    )


def test_what_is_not_limited_says_nothing(client: APIClient, settings: Settings) -> None:
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"writes": "2/min"}
    assert limits(client.get("/api/tasks")) == (None, None)
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"writes": None}
    assert limits(client.post("/api/tasks", {"title": "one"})) == (None, None)


def test_without_a_store_that_counts_nothing_is_said(client: APIClient, settings: Settings) -> None:
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"writes": "2/min"}
    settings.CACHES = settings.CACHES | {
        "throttles": settings.CACHES["throttles"] | {"LOCATION": ["redis://127.0.0.1:1/0"]}
    }
    answer = client.post("/api/tasks", {"title": "one"})
    assert (answer.status_code, limits(answer)) == (201, (None, None))
