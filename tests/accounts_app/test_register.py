from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import ANY

import pytest
from django.db import connection
from django.db.models import QuerySet
from rest_framework.test import APIClient

from accounts_app.models import User, UserManager
from tests.accounts_app.conftest import error_of, sign_in
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def register(client: APIClient, **changes: Any) -> Any:
    body = {"email": "dora@example.test", "password": PASSWORD, "timezone": "Europe/Berlin"} | changes
    return client.post(
        "/api/auth/register", {name: value for name, value in body.items() if value is not ...}
    )


def test_a_new_account_is_answered_without_its_password(anyone: APIClient) -> None:
    answer = register(anyone)
    assert answer.status_code == 201
    user = User.objects.get()
    assert answer.json() == {
        "id": str(user.pk),
        "email": "dora@example.test",
        "email_confirmed": False,
        "timezone": "Europe/Berlin",
        "timezone_is_default": False,
        "day_starts_at": "09:00",
        "default_reminder_offset": None,
        "quiet_from": None,
        "quiet_to": None,
        "channels": ["push"],
        "due_soon_notifications": False,
        "reachable": False,
        "is_staff": False,
        "created_at": ANY,
    }
    assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)
    assert user.check_password(PASSWORD)
    assert sign_in(anyone, "dora@example.test").status_code == 200


def test_the_zone_is_utc_when_none_is_given(anyone: APIClient) -> None:
    me = register(anyone, timezone=...).json()
    assert (me["timezone"], me["timezone_is_default"]) == ("UTC", True)
    assert register(anyone, email="e@example.test", timezone="UTC").json()["timezone_is_default"] is False


def test_blanks_around_the_address_and_case_of_its_domain_are_put_right(anyone: APIClient) -> None:
    assert register(anyone, email="  Dora@Example.TEST ").json()["email"] == "Dora@example.test"


@pytest.mark.parametrize("email", ["alice@example.test", "ALICE@example.test", " Alice@EXAMPLE.test"])
def test_an_address_belongs_to_one_account_whatever_its_case(
    alice: User, anyone: APIClient, email: str
) -> None:
    assert error_of(register(anyone, email=email), 400) == ("email", "unique")
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("email", ..., "required"),
        ("email", "", "blank"),
        ("email", None, "null"),
        ("email", "dora", "invalid"),
        ("email", "dora@", "invalid"),
        ("email", "a" * 250 + "@example.test", "max_length"),
        ("email", 5, "invalid"),
        ("email", ["dora@example.test"], "invalid"),
        ("email", "do\0ra@example.test", "invalid"),
        ("password", ..., "required"),
        ("password", "", "blank"),
        ("password", "short77", "password_too_short"),
        ("password", "password123", "password_too_common"),
        ("password", "4827364529384", "password_entirely_numeric"),
        ("password", "dora@example.test", "password_too_similar"),
        ("password", "correct\0horse battery", "null_characters_not_allowed"),
        ("timezone", "Berlin", "bad_timezone"),
        ("timezone", "", "blank"),
        ("timezone", None, "null"),
        ("timezone", "../../etc/passwd", "bad_timezone"),
        ("timezone", "europe/berlin", "bad_timezone"),
        ("timezone", "x" * 100_000, "bad_timezone"),
        ("is_staff", True, "unknown_field"),
        ("id", "5", "unknown_field"),
    ],
)
def test_what_is_wrong_is_named(anyone: APIClient, field: str, value: Any, code: str) -> None:
    answer = register(anyone, **{field: value})
    assert answer.status_code == 400, answer.content
    errors = {(error["attr"], error["code"]) for error in answer.json()["errors"]}
    assert (field, code) in errors
    assert {attr for attr, _ in errors} == {field}
    assert not User.objects.exists()


def test_a_password_keeps_its_blanks(anyone: APIClient) -> None:
    password = "  correct horse battery  "
    assert register(anyone, password=password).status_code == 201
    assert User.objects.get().check_password(password)


def test_a_stale_sign_in_does_not_keep_anyone_from_registering(anyone: APIClient) -> None:
    anyone.credentials(HTTP_AUTHORIZATION="Bearer stale")
    assert register(anyone).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_gets_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def finds_no_one(self: UserManager, email: str | None) -> QuerySet[User]:
        return self.none()  # as two concurrent requests would see it

    monkeypatch.setattr(UserManager, "with_email", finds_no_one)

    def attempt(email: str) -> Any:
        try:
            return register(APIClient(), email=email)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(attempt, ["dora@example.test", "DORA@example.test"]))
    (refused,) = [answer for answer in answers if answer.status_code != 201]
    assert error_of(refused, 400) == ("email", "unique")
    assert User.objects.count() == 1
