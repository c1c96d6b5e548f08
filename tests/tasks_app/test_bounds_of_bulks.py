"""How much of bulk requests one user may send: operations a minute, and two at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings
from redis import Redis
from rest_framework.test import APIClient

from accounts_app.models import User
from state_store.cache import CountingCache
from state_store.pause import Pause
from tasks_app.models import Tag

ClientOf = Callable[[User], APIClient]


@pytest.fixture(autouse=True)
def empty_store(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(CountingCache, "pause", Pause())
    with Redis.from_url(settings.REDIS_URL, decode_responses=True) as store:
        for key in store.scan_iter("todo-app::throttle::*"):
            store.delete(key)
        yield


def bulk(client: APIClient, amount: int) -> Any:
    operations = [{"op": "create", "data": {"title": str(number)}} for number in range(amount)]
    return client.post("/api/tasks/bulk", {"operations": operations})


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
def test_operations_have_an_allowance_of_their_own(
    alice: User, bob: User, client_of: ClientOf, settings: Settings, clock: Any
) -> None:
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"operations": "10/min", "writes": "300/min"}
    client = client_of(alice)
    clock.shift(18)
    answers = [bulk(client, amount) for amount in (6, 5, 4, 1)]
    assert [answer.status_code for answer in answers] == [200, 429, 200, 429]
    assert [answer.headers["RateLimit"].split(", ")[1] for answer in answers] == [
        f'"operations";r={left};t=42' for left in (4, 4, 0, 0)
    ]
    assert answers[0].headers["RateLimit-Policy"] == '"writes";q=300;w=60, "operations";q=10;w=60'
    assert answers[1].headers["Retry-After"] == "42"
    assert client.post("/api/tasks", {"title": "one"}).status_code == 201
    assert bulk(client_of(bob), 1).status_code == 200
    clock.shift(42)
    assert bulk(client, 10).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("operations", [None, [], "x", 7, {}])
def test_what_is_no_list_of_operations_counts_for_none(
    alice: User, client_of: ClientOf, settings: Settings, operations: Any
) -> None:
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"operations": "10/min"}
    refused = client_of(alice).post("/api/tasks/bulk", {"operations": operations})
    assert (refused.status_code, "RateLimit" in refused.headers) == (400, False)


@pytest.mark.django_db(transaction=True)
def test_a_user_has_two_long_requests_at_once(alice: User, bob: User, client_of: ClientOf) -> None:
    """Threads stand for processes: PostgreSQL decides. They wait where they write their tasks."""
    tag = Tag.objects.create(user=alice, name="home")
    waiting, go_on = [Event(), Event()], Event()

    def hold(place: int) -> int:
        client = client_of(alice)

        def wait_at_insert(execute: Any, sql: str, *rest: Any) -> Any:
            if "INSERT INTO tasks" in sql:
                waiting[place].set()
                assert go_on.wait(60)
            return execute(sql, *rest)

        try:
            with connection.execute_wrapper(wait_at_insert):
                return bulk(client, 2).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(hold, place) for place in range(2)]
        assert all(one.wait(60) for one in waiting)
        client = client_of(alice)
        refused = bulk(client, 1)
        assert refused.status_code == 429
        assert (refused.json()["errors"][0]["code"], refused["Retry-After"]) == ("too_many_at_once", "1")
        assert client.delete(f"/api/tags/{tag.pk}").status_code == 429
        assert client.post("/api/tasks", {"title": "one"}).status_code == 201
        assert bulk(client_of(bob), 1).status_code == 200
        go_on.set()
        assert [one.result(60) for one in held] == [200, 200]
    assert bulk(client, 1).status_code == 200
    assert client.delete(f"/api/tags/{tag.pk}").status_code == 204
