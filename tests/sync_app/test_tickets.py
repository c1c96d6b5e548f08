"""A ticket works once, for a minute, and no longer than the token that created it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from pytest_django import Settings
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIClient

from accounts_app.api_tokens import create_api_token
from accounts_app.models import ApiToken, User
from state_store.task_updates import StateStoreUnavailable
from sync_app.access import Grant, grant_by_header, grant_of, valid_grants
from sync_app.tickets import LIFETIME, grant_by_ticket, make_ticket
from tests.sync_app.conftest import token_of

pytestmark = pytest.mark.django_db


def grant(user: User) -> Grant:
    return grant_by_header(f"Bearer {token_of(user)}")


def refused(ticket: str) -> str:
    with pytest.raises(AuthenticationFailed) as failure:
        grant_by_ticket(ticket)
    return str(failure.value.detail)


def test_a_ticket_is_the_grant_of_its_token_once(alice: User) -> None:
    given = grant(alice)
    ticket = make_ticket(given).text
    assert grant_by_ticket(ticket) == given
    assert refused(ticket).startswith("This ticket has already been used")


def test_a_ticket_ends_after_a_minute(alice: User, clock: time_machine.Traveller) -> None:
    ticket = make_ticket(grant(alice))
    assert ticket.expires_at == datetime.now(UTC) + LIFETIME
    clock.shift(LIFETIME + timedelta(seconds=1))
    assert "has expired" in refused(ticket.text)


def test_a_ticket_that_was_changed_is_none(alice: User, bob: User) -> None:
    own, _, signature = make_ticket(grant(alice)).text.partition(":")
    others = make_ticket(grant(bob)).text.partition(":")[0]
    assert "is invalid" in refused(f"{others}:{signature}")
    assert own != others


def test_a_ticket_ends_with_its_account(alice: User) -> None:
    ticket = make_ticket(grant(alice)).text
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert "no longer valid" in refused(ticket)


def test_without_the_store_no_ticket_can_be_used(alice: User, settings: Settings) -> None:
    ticket = make_ticket(grant(alice)).text
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(StateStoreUnavailable):
        grant_by_ticket(ticket)


def test_a_token_that_may_only_read_gets_a_ticket(alice: User) -> None:
    _, secret = create_api_token(alice, name="reader", scopes=["read"], expires_at=None)
    client = APIClient(headers={"authorization": f"Bearer {secret}"})
    answer = client.post("/api/stream/ticket")
    assert answer.status_code == 201
    created = answer.json()
    assert created["url"] == "http://testserver:8001/api/stream"
    assert grant_by_ticket(created["ticket"]).user_id == alice.pk
    assert client.post("/api/tasks", {"title": "x"}).status_code == 403


def test_without_a_sign_in_there_is_no_ticket() -> None:
    assert APIClient().post("/api/stream/ticket").status_code == 401


def test_the_url_is_the_one_that_is_set(
    alice: User, client_of: Callable[[User], APIClient], settings: Settings
) -> None:
    settings.STREAM_URL = "https://todo.example.com/api/stream"
    assert client_of(alice).post("/api/stream/ticket").json()["url"] == "https://todo.example.com/api/stream"


def test_what_ends_a_grant(alice: User, bob: User, charlie: User, django_assert_num_queries: object) -> None:
    now = datetime.now(UTC)
    tokens = [create_api_token(bob, name="a", scopes=["read"], expires_at=end)[0] for end in (None, now)]
    deleted = create_api_token(bob, name="b", scopes=["read"], expires_at=None)[0]
    good = [grant(alice), grant_of(bob, tokens[0])]
    ended = [grant_of(bob, tokens[1]), grant_of(bob, deleted), grant(charlie)]
    assert valid_grants([*good, *ended]) == {*good, ended[1], ended[2]}
    ApiToken.objects.filter(pk=deleted.pk).delete()
    charlie.set_password("another one entirely")
    charlie.save()
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert valid_grants([*good, *ended]) == set(good)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert valid_grants(good) == {good[1]}
