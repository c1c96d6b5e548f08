"""Tokens of an outside identity provider, verified with a shared secret."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import jwt
import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts_app.models import ErasedIdentity, OutsideIdentity, User
from accounts_app.outside_identity import remember_erasure
from tests.accounts_app.conftest import error_of, who_am_i

pytestmark = pytest.mark.django_db

ISSUER = "https://app.example.test"
AUDIENCE = "todo-api"
SECRET = "a-secret-of-the-provider-with-enough-characters-also-for-hs512-which-takes-64"


@pytest.fixture(autouse=True)
def provider(settings: Settings) -> None:
    settings.AUTH_JWT_ISSUER = ISSUER
    settings.AUTH_JWT_AUDIENCE = AUDIENCE
    settings.AUTH_JWT_SECRET = SECRET


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of Better Auth, whose id is not a UUID; None leaves a claim out."""
    now = timezone.now()
    said = {
        "sub": "Zk3vNq8yGm1Rw0tLbXcA5pHdJ7sUeQ2f",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + timedelta(minutes=15),
    }
    return {name: value for name, value in (said | changes).items() if value is not None}


def token(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm)


def come(**changes: Any) -> Any:
    return who_am_i(APIClient(), token(**changes))


def confirm(user: User) -> None:
    user.email_confirmed = True
    user.save()


def test_the_first_sight_opens_an_account() -> None:
    answer = come(email="dora@Example.TEST", email_verified=True)
    assert answer.status_code == 200
    identity = OutsideIdentity.objects.select_related("user").get()
    assert (identity.issuer, identity.subject) == (ISSUER, "Zk3vNq8yGm1Rw0tLbXcA5pHdJ7sUeQ2f")
    assert answer.json()["id"] == str(identity.user.pk)
    assert (identity.user.email, identity.user.email_confirmed) == ("dora@example.test", True)
    assert not identity.user.has_usable_password()


def test_the_next_sight_finds_it_in_one_query(django_assert_num_queries: Any) -> None:
    first = come().json()["id"]
    with django_assert_num_queries(2):  # the other: whether there is a device
        assert come().json()["id"] == first
    assert User.objects.count() == 1


def test_who_comes_without_an_address_has_none() -> None:
    assert come().json()["email"] is None
    assert come(sub="someone else").json()["email"] is None
    assert User.objects.filter(email=None).count() == 2


def test_the_account_does_everything() -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token()}")
    assert client.post("/api/tasks", {"title": "from the phone"}).status_code == 201
    assert client.get("/api/tasks").json()["results"][0]["title"] == "from the phone"
    assert OutsideIdentity.objects.count() == 1


def test_better_auths_own_word_for_a_confirmed_address_counts() -> None:
    assert come(email="dora@example.test", emailVerified=True).json()["email"] == "dora@example.test"


@pytest.mark.parametrize("confirmed", [None, False, "true", 1])
def test_an_unconfirmed_address_is_no_ones(confirmed: Any) -> None:
    assert come(email="dora@example.test", email_verified=confirmed).json()["email"] is None


@pytest.mark.parametrize(
    "email",
    ["", "dora", "do\0ra@example.test", "\ud800@example.test", f"{'d' * 250}@example.test", 7, ["d@e.test"]],
)
def test_what_is_no_address_is_left_out(email: Any) -> None:
    answer = come(email=email, email_verified=True)
    assert (answer.status_code, answer.json()["email"]) == (200, None)


def test_an_address_confirmed_on_both_sides_is_one_person(alice: User) -> None:
    confirm(alice)
    assert come(email="ALICE@example.test", email_verified=True).json()["id"] == str(alice.pk)
    assert come().json()["id"] == str(alice.pk)
    assert alice.outside_identities.count() == 1


@pytest.mark.parametrize("here", [True, False])
def test_an_address_confirmed_on_one_side_links_no_one(alice: User, here: bool) -> None:
    if here:
        confirm(alice)
    answer = come(email="alice@example.test", email_verified=not here)
    assert answer.status_code == 200
    assert answer.json()["id"] != str(alice.pk)
    assert answer.json()["email"] is None


@pytest.mark.parametrize("change", [{"is_staff": True}, {"is_active": False}])
def test_staff_and_closed_accounts_are_not_linked(alice: User, change: dict[str, bool]) -> None:
    confirm(alice)
    User.objects.filter(pk=alice.pk).update(**change)
    answer = come(email="alice@example.test", email_verified=True)
    assert answer.json()["id"] != str(alice.pk)
    assert answer.json()["email"] is None


def test_a_closed_account_is_refused() -> None:
    come()
    User.objects.update(is_active=False)
    assert error_of(come(), 401) == (None, "user_inactive")
    assert User.objects.count() == 1


def test_an_erased_account_is_not_opened_again_by_a_page_left_open() -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        come()
        user = User.objects.get()
        remember_erasure(user)
        user.delete()
        assert error_of(come(), 401) == (None, "account_erased")
        assert come(sub="someone else").status_code == 200
        clock.shift(timedelta(hours=23, minutes=59))
        assert error_of(come(), 401) == (None, "account_erased")
        assert not User.objects.filter(outside_identities__subject=claims()["sub"]).exists()
        clock.shift(timedelta(minutes=1))
        assert come().status_code == 200


def test_not_under_another_secret_key_either(settings: Settings) -> None:
    come()
    user = User.objects.get()
    remember_erasure(user)
    user.delete()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert error_of(come(), 401) == (None, "account_erased")


def test_what_is_kept_of_an_erased_account_names_no_one_and_goes() -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for subject in ("one", "two"):
            come(sub=subject)
            remember_erasure(User.objects.get(outside_identities__subject=subject))
            kept = ErasedIdentity.objects.get()
            assert subject not in kept.digest
            clock.shift(timedelta(hours=24))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": None}, "exp"),
        ({"sub": None}, "sub"),
        ({"aud": None}, "aud"),
        ({"aud": "another-api"}, "udience"),
        ({"exp": 1}, "expired"),
        ({"exp": "soon"}, "exp"),
        ({"nbf": 32503680000}, "not yet valid"),
        ({"iat": 32503680000}, "not yet valid"),
        ({"sub": ""}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "a\0b"}, "sub"),
        ({"sub": "\ud800"}, "sub"),
        ({"sub": 7}, "ubject"),
        ({"sub": ["x"]}, "ubject"),
    ],
)
def test_a_wrong_token_is_refused_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    answer = come(**changes)
    assert error_of(answer, 401) == (None, "token_not_valid")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert reason in answer.json()["errors"][0]["detail"]
    assert not User.objects.exists()


@pytest.mark.parametrize("issuer", [None, "https://evil.example.test", ["x"], 7])
def test_another_issuers_token_is_no_token_of_ours(issuer: Any) -> None:
    exp = int(timezone.now().timestamp()) + 900
    said = {"sub": "dora", "aud": AUDIENCE, "exp": exp} | ({"iss": issuer} if issuer else {})
    signed = jwt.PyJWS().encode(json.dumps(said).encode(), SECRET, "HS256")
    assert error_of(who_am_i(APIClient(), signed), 401) == (None, "token_not_valid")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("issuer", "accepted"), [(f"{ISSUER}/", ISSUER), (ISSUER, f"{ISSUER}/"), (f"{ISSUER}//", ISSUER)]
)
def test_an_issuer_that_differs_in_a_slash_is_named(issuer: str, accepted: str, settings: Settings) -> None:
    settings.AUTH_JWT_ISSUER = accepted
    answer = come(iss=issuer)
    assert error_of(answer, 401) == (None, "token_not_valid")
    detail = answer.json()["errors"][0]["detail"]
    assert "issuer of this token does not match" in detail
    assert f"{issuer!r}" in detail
    assert f"{accepted!r}" in detail
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "another-secret-of-someone-with-enough-characters"},
        {"algorithm": "HS512"},
        {"secret": "", "algorithm": "none"},
    ],
)
def test_a_token_of_another_secret_or_algorithm_is_refused(wrong: dict[str, Any]) -> None:
    assert error_of(come(**wrong), 401) == (None, "token_not_valid")
    assert not User.objects.exists()


def test_a_token_is_good_for_some_seconds_more_than_it_says() -> None:
    """The clocks of two machines are never the same."""
    with time_machine.travel(timezone.now(), tick=False):
        past = timezone.now() - timedelta(seconds=9)
        assert come(exp=past).status_code == 200
        assert error_of(come(exp=past - timedelta(seconds=1)), 401) == (None, "token_not_valid")


def test_the_provider_cannot_name_our_users(alice: User) -> None:
    """Its tokens are recognised by their issuer, so a token that looks like ours is not one of them."""
    made_up = token(user_id=str(alice.pk), token_type="access", jti="x", iss=None)
    assert error_of(who_am_i(APIClient(), made_up), 401) == (None, "token_not_valid")


def test_without_a_provider_there_is_none(settings: Settings) -> None:
    settings.AUTH_JWT_ISSUER = ""
    assert error_of(come(), 401) == (None, "token_not_valid")
    assert error_of(come(iss=""), 401) == (None, "token_not_valid")
    assert not User.objects.exists()


def test_our_own_token_costs_one_query_beside_a_provider(alice: User, django_assert_num_queries: Any) -> None:
    own = str(AccessToken.for_user(alice))
    with django_assert_num_queries(2):  # the other: whether there is a device
        assert who_am_i(APIClient(), own).status_code == 200


def at_once(attempts: int, call: Callable[[int], Any]) -> list[Any]:
    start = Barrier(attempts)

    def attempt(number: int) -> Any:
        try:
            start.wait(60)
            return call(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(attempts) as pool:
        return list(pool.map(attempt, range(attempts)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("email", [None, "dora@example.test"])
def test_first_requests_at_the_same_moment_open_one_account(email: str | None) -> None:
    hers = token(email=email, email_verified=True)

    def call(number: int) -> Any:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {hers}")
        return client.get("/api/me") if number % 2 else client.post("/api/tasks", {"title": str(number)})

    answers = at_once(8, call)
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201] * 4
    assert User.objects.get().tasks.count() == 4


@pytest.mark.django_db(transaction=True)
def test_of_two_people_with_one_address_at_the_same_moment_one_has_it() -> None:
    answers = at_once(
        4, lambda number: come(sub=f"person {number % 2}", email="dora@example.test", email_verified=True)
    )
    assert {answer.status_code for answer in answers} == {200}
    assert OutsideIdentity.objects.count() == 2
    assert User.objects.filter(email="dora@example.test").count() == 1


class TestTheZoneOfANewUser:
    @pytest.mark.parametrize(
        ("claim", "header", "zone", "is_default"),
        [
            ("Europe/Paris", "Asia/Tokyo", "Europe/Paris", False),
            (None, "Asia/Tokyo", "Asia/Tokyo", False),
            ("Mars/Olympus", "Asia/Tokyo", "Asia/Tokyo", False),
            (7, "UTC", "UTC", False),
            (None, "Mars/Olympus", "UTC", True),
            (None, None, "UTC", True),
        ],
    )
    def test_it_is_from_the_token_or_the_request(
        self, claim: Any, header: str | None, zone: str, is_default: bool
    ) -> None:
        client = APIClient(**({"HTTP_TIME_ZONE": header} if header else {}))
        me = who_am_i(client, token(zoneinfo=claim)).json()
        assert (me["timezone"], me["timezone_is_default"]) == (zone, is_default)

    def test_later_requests_change_nothing(self) -> None:
        assert come().json()["timezone_is_default"]
        client = APIClient(HTTP_TIME_ZONE="Asia/Tokyo")
        assert who_am_i(client, token(zoneinfo="Europe/Paris")).json()["timezone"] == "UTC"

    def test_a_zone_that_the_user_sets_is_chosen(self) -> None:
        client = APIClient(HTTP_AUTHORIZATION=f"Bearer {token()}")
        assert client.patch("/api/me", {"timezone": "UTC"}).json()["timezone_is_default"] is False
        assert client.get("/api/me").json()["timezone_is_default"] is False
