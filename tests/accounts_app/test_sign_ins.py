"""Using a refresh token twice ends its sign-in, and no other."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils.timezone import now
from pytest_django import Settings
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import RefreshToken

from accounts_app import sign_ins
from accounts_app.models import SignIn, User
from tests.acceptance.processes import eventually
from tests.accounts_app.conftest import Tokens, error_of, sign_in, who_am_i
from tests.aside import PATIENCE_SECONDS, aside

pytestmark = pytest.mark.django_db

SPENT = (None, "token_not_valid")


def refresh(client: APIClient, token: str) -> Any:
    return client.post("/api/auth/token/refresh", {"refresh": token})


def test_a_spent_token_that_comes_again_ends_the_whole_family(
    alice: User, anyone: APIClient, clock: Any
) -> None:
    first = sign_in(anyone, "alice@example.test").json()
    second = refresh(anyone, first["refresh"]).json()
    third = refresh(anyone, second["refresh"]).json()
    clock.shift(timedelta(days=1))
    assert error_of(refresh(anyone, first["refresh"]), 401) == SPENT
    assert error_of(refresh(anyone, third["refresh"]), 401) == SPENT
    assert not SignIn.objects.exists()


def test_also_when_it_comes_at_once(hers: Tokens, anyone: APIClient) -> None:
    second = refresh(anyone, hers["refresh"]).json()
    assert error_of(refresh(anyone, hers["refresh"]), 401) == SPENT
    assert error_of(refresh(anyone, second["refresh"]), 401) == SPENT


def test_the_other_sign_ins_go_on(alice: User, bob: User, hers: Tokens, anyone: APIClient) -> None:
    phone = sign_in(anyone, "alice@example.test").json()
    bobs = sign_in(anyone, "bob@example.test").json()
    refresh(anyone, hers["refresh"])
    refresh(anyone, hers["refresh"])
    assert refresh(anyone, phone["refresh"]).status_code == 200
    assert refresh(anyone, bobs["refresh"]).status_code == 200


def test_the_reuse_is_logged_without_the_token(
    alice: User, hers: Tokens, anyone: APIClient, caplog: pytest.LogCaptureFixture
) -> None:
    refresh(anyone, hers["refresh"])
    with caplog.at_level(logging.WARNING):
        refresh(anyone, hers["refresh"])
    (line,) = [record for record in caplog.records if "refresh_token_reused" in record.getMessage()]
    assert str(alice.pk) in line.getMessage()
    assert hers["refresh"] not in caplog.text


def test_a_deployment_may_answer_a_repeated_refresh_again(
    alice: User, anyone: APIClient, clock: Any, settings: Settings
) -> None:
    settings.REFRESH_RETRY = timedelta(seconds=10)
    first = sign_in(anyone, "alice@example.test").json()
    second = refresh(anyone, first["refresh"]).json()
    clock.shift(timedelta(seconds=9))
    again = refresh(anyone, first["refresh"]).json()
    assert again["refresh"] == second["refresh"]
    assert who_am_i(anyone, again["access"]).status_code == 200
    clock.shift(timedelta(seconds=2))
    assert error_of(refresh(anyone, first["refresh"]), 401) == SPENT
    assert error_of(refresh(anyone, second["refresh"]), 401) == SPENT


def test_a_token_older_than_the_last_is_never_answered_again(
    alice: User, anyone: APIClient, clock: Any, settings: Settings
) -> None:
    settings.REFRESH_RETRY = timedelta(seconds=10)
    first = sign_in(anyone, "alice@example.test").json()
    second = refresh(anyone, first["refresh"]).json()
    refresh(anyone, second["refresh"])
    assert error_of(refresh(anyone, first["refresh"]), 401) == SPENT


@pytest.mark.django_db(transaction=True)
def test_tabs_that_refresh_at_the_same_moment_get_the_same_successor(hers: Tokens, anyone: APIClient) -> None:
    def attempt(_: int) -> Any:
        try:
            return refresh(APIClient(), hers["refresh"])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        with transaction.atomic():  # all of them start before the first gets its response
            SignIn.objects.select_for_update().get()
            answers = [pool.submit(attempt, n) for n in range(4)]
            eventually(lambda: waiting() == 4)
        responses = [answer.result() for answer in answers]
    assert [answer.status_code for answer in responses] == [200] * 4
    assert len({answer.json()["refresh"] for answer in responses}) == 1
    assert SignIn.objects.get().generation == 1
    assert refresh(anyone, responses[0].json()["refresh"]).status_code == 200


def waiting() -> int:
    """The number of sessions that wait for a lock of this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_clear_snapshot()"
        )  # otherwise a transaction always sees the same activity
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


def test_a_spent_token_signs_out_too(hers: Tokens, anyone: APIClient) -> None:
    second = refresh(anyone, hers["refresh"]).json()
    assert anyone.post("/api/auth/logout", {"refresh": hers["refresh"]}).status_code == 204
    assert error_of(refresh(anyone, second["refresh"]), 401) == SPENT


def test_an_access_token_is_no_refresh_token(hers: Tokens, anyone: APIClient) -> None:
    assert error_of(refresh(anyone, hers["access"]), 401) == SPENT
    assert error_of(anyone.post("/api/auth/logout", {"refresh": hers["access"]}), 401) == SPENT


def test_a_token_of_an_older_release_is_refused(alice: User, anyone: APIClient) -> None:
    assert error_of(refresh(anyone, str(RefreshToken.for_user(alice))), 401) == SPENT


def test_no_token_is_in_the_database(hers: Tokens) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(sign_ins) FROM sign_ins")
        rows = json.dumps(cursor.fetchall(), default=str)
    for token in hers.values():
        assert not any(part in rows for part in token.split("."))


def test_expired_sign_ins_are_purged(alice: User, anyone: APIClient, clock: Any) -> None:
    sign_in(anyone, "alice@example.test")
    clock.shift(timedelta(days=29))
    kept = sign_in(anyone, "alice@example.test").json()
    clock.shift(timedelta(days=1))
    assert sign_ins.purge_expired() == 1
    assert sign_ins.purge_expired() == 0
    assert refresh(anyone, kept["refresh"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_that_is_refreshed_at_the_same_moment_is_not_purged(alice: User) -> None:
    sign_ins.sign_in(alice)
    SignIn.objects.update(expires_at=now())
    with aside() as start:
        with transaction.atomic():
            SignIn.objects.update(expires_at=now() + timedelta(days=1))
            purging = start(sign_ins.purge_expired)
        assert purging.result(PATIENCE_SECONDS) == 0
    assert SignIn.objects.exists()
