"""What an earlier SECRET_KEY signed is valid while that key is in SECRET_KEY_FALLBACKS, and no longer."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from pytest_django import Settings
from rest_framework.exceptions import APIException
from rest_framework.test import APIClient

from accounts_app import email_confirmation
from accounts_app.models import User
from sync_app.access import grant_by_header
from sync_app.tickets import grant_by_ticket, make_ticket
from tests.accounts_app.conftest import sign_in, who_am_i
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

OLD, NEW = "old-" + "k" * 60, "new-" + "k" * 60
Valid = Callable[[], bool]


def access_token(alice: User) -> Valid:
    token = sign_in(APIClient(), str(alice.email)).json()["access"]
    return lambda: who_am_i(APIClient(), token).status_code == 200


def refresh_token(alice: User) -> Valid:
    token = sign_in(APIClient(), str(alice.email)).json()["refresh"]
    return lambda: APIClient().post("/api/auth/token/refresh", {"refresh": token}).status_code == 200


def password_reset(alice: User) -> Valid:
    token = default_token_generator.make_token(alice)
    return lambda: default_token_generator.check_token(alice, token)


def email_address(alice: User) -> Valid:
    token = email_confirmation.make_token(alice)
    return lambda: is_accepted(email_confirmation.confirm, token)


def stream_ticket(alice: User) -> Valid:
    access = sign_in(APIClient(), str(alice.email)).json()["access"]
    ticket = make_ticket(grant_by_header(f"Bearer {access}")).text
    return lambda: is_accepted(grant_by_ticket, ticket)


def admin_session(alice: User) -> Valid:
    User.objects.create_superuser("operator@example.test", PASSWORD)
    browser = Client()
    assert browser.login(email="operator@example.test", password=PASSWORD)
    return lambda: browser.get("/admin/").status_code == 200


def is_accepted(function: Callable[[str], Any], token: str) -> bool:
    try:
        function(token)
    except APIException:
        return False
    return True


SIGNED = [access_token, refresh_token, password_reset, email_address, stream_ticket, admin_session]


@pytest.mark.parametrize("make", SIGNED)
def test_what_the_old_key_signed_stays_valid(
    alice: User, settings: Settings, make: Callable[[User], Valid]
) -> None:
    settings.SECRET_KEY = OLD
    is_valid = make(alice)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    assert is_valid()


@pytest.mark.parametrize("make", SIGNED)
def test_a_key_that_is_gone_signs_nothing(
    alice: User, settings: Settings, make: Callable[[User], Valid]
) -> None:
    settings.SECRET_KEY = OLD
    is_valid = make(alice)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, []
    assert not is_valid()


@pytest.mark.parametrize("make", SIGNED)
def test_processes_with_the_next_key_as_a_fallback_accept_it(
    alice: User, settings: Settings, make: Callable[[User], Valid]
) -> None:
    """One process has changed already, another not yet."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    is_valid = make(alice)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, [NEW]
    assert is_valid()


def test_a_refreshed_token_has_the_new_signature(alice: User, settings: Settings) -> None:
    settings.SECRET_KEY = OLD
    old = sign_in(APIClient(), str(alice.email)).json()["refresh"]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    pair = APIClient().post("/api/auth/token/refresh", {"refresh": old}).json()
    settings.SECRET_KEY_FALLBACKS = []
    assert who_am_i(APIClient(), pair["access"]).status_code == 200
    again = APIClient().post("/api/auth/token/refresh", {"refresh": pair["refresh"]})
    assert again.status_code == 200
