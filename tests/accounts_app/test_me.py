from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts_app import erasure, passwords
from accounts_app.models import User
from tests.accounts_app.conftest import Tokens, error_of, who_am_i
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], APIClient]


def test_i_see_myself(alice: User, bob: User, client_of: ClientOf) -> None:
    assert client_of(alice).get("/api/me").json() == {
        "id": str(alice.pk),
        "email": "alice@example.test",
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
        "created_at": alice.created_at.isoformat().replace("+00:00", "Z"),
    }


def test_i_move_to_another_zone(alice: User, bob: User, client_of: ClientOf) -> None:
    answer = client_of(alice).patch("/api/me", {"timezone": "Asia/Tokyo"})
    assert answer.status_code == 200
    assert answer.json()["timezone"] == "Asia/Tokyo"
    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.timezone, bob.timezone) == ("Asia/Tokyo", "America/New_York")


def test_nothing_to_change_changes_nothing(alice: User, client_of: ClientOf) -> None:
    assert client_of(alice).patch("/api/me", {}).json()["timezone"] == "Europe/Berlin"


def test_a_change_that_began_before_others_undoes_none_of_them(alice: User, client_of: ClientOf) -> None:
    began_before = client_of(User.objects.get(pk=alice.pk))
    passwords.change_password(alice, current=PASSWORD, new="fresh horse fresh staple")
    assert began_before.patch("/api/me", {"timezone": "Asia/Tokyo"}).status_code == 200
    alice.refresh_from_db()
    assert alice.check_password("fresh horse fresh staple")
    began_before = client_of(User.objects.get(pk=alice.pk))
    erasure.close_account(alice)
    began_before.patch("/api/me", {"timezone": "Asia/Tokyo"})
    alice.refresh_from_db()
    assert (alice.is_active, alice.email, alice.deleted_at is None) == (False, None, False)


def test_a_change_of_what_was_erased_meanwhile_is_no_fault(alice: User, client_of: ClientOf) -> None:
    began_before = client_of(User.objects.get(pk=alice.pk))
    alice.delete()
    assert began_before.patch("/api/me", {"timezone": "Asia/Tokyo"}).status_code == 200
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("timezone", "Mars/Olympus", "bad_timezone"),
        ("timezone", "", "blank"),
        ("timezone", None, "null"),
        ("timezone", 5, "invalid"),
        ("email", "mallory@example.test", "read_only"),
        ("id", "5", "read_only"),
        ("email_confirmed", True, "read_only"),
        ("created_at", "2020-01-01T00:00:00Z", "read_only"),
        ("is_staff", True, "read_only"),
        ("password", "correct horse", "unknown_field"),
    ],
)
def test_what_i_cannot_change_is_named(
    alice: User, client_of: ClientOf, field: str, value: Any, code: str
) -> None:
    assert error_of(client_of(alice).patch("/api/me", {field: value}), 400) == (field, code)
    alice.refresh_from_db()
    assert (alice.timezone, alice.email, alice.is_staff) == ("Europe/Berlin", "alice@example.test", False)


@pytest.mark.parametrize("method", ["put", "post"])
def test_other_methods_are_not_there(alice: User, client_of: ClientOf, method: str) -> None:
    answer = getattr(client_of(alice), method)("/api/me", {})
    assert error_of(answer, 405) == (None, "method_not_allowed")


def test_an_unknown_parameter_is_named(alice: User, client_of: ClientOf) -> None:
    assert error_of(client_of(alice).get("/api/me?verbose=1"), 400) == ("verbose", "unknown_parameter")


def test_asking_costs_two_queries(
    alice: User, hers: Tokens, anyone: APIClient, django_assert_num_queries: Any
) -> None:
    """The user, and whether there is a device."""
    with django_assert_num_queries(2):
        assert who_am_i(anyone, hers["access"]).status_code == 200
