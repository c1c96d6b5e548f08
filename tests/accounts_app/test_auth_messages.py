"""The messages of a 401 say what to do."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts_app.models import User
from tests.accounts_app.conftest import Tokens, who_am_i

pytestmark = pytest.mark.django_db


def said(answer: object) -> str:
    assert answer.status_code == 401  # type: ignore[attr-defined]
    detail: str = answer.json()["errors"][0]["detail"]  # type: ignore[attr-defined]
    return detail


def test_without_a_token() -> None:
    assert said(APIClient().get("/api/me")).startswith("Authentication required. Send `Authorization: Bearer")


def test_with_a_header_that_is_none() -> None:
    answer = APIClient().get("/api/me", headers={"Authorization": "Bearer a b"})
    assert said(answer).startswith("Write the header as `Authorization: Bearer <token>`")


def test_with_a_token_that_is_none_or_past() -> None:
    assert "POST /api/auth/token/refresh" in said(who_am_i(APIClient(), "x"))


@pytest.mark.parametrize("kind", ["none", "access", "past"])
def test_with_a_refresh_token_that_is_none(alice: User, kind: str) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=31)):
        past = str(RefreshToken.for_user(alice))
    text = {"none": "x", "access": str(AccessToken.for_user(alice)), "past": past}[kind]
    words = {"none": "token is invalid", "access": "not a refresh token", "past": "has expired"}
    assert words[kind] in said(APIClient().post("/api/auth/token/refresh", {"refresh": text}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"is_active": False}, "This account is closed."),
        ({"password": "!"}, "The password was changed after this token was issued"),
    ],
)
def test_with_a_token_of_an_account_that_changed(
    alice: User, hers: Tokens, change: dict[str, object], words: str
) -> None:
    User.objects.filter(pk=alice.pk).update(**change)
    assert said(who_am_i(APIClient(), hers["access"])).startswith(words)


def test_with_a_token_of_an_account_that_is_gone(alice: User, hers: Tokens) -> None:
    alice.delete()
    assert said(who_am_i(APIClient(), hers["access"])) == "The account of this token no longer exists."
