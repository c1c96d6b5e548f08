"""Accounts are not opened for, and mails not sent to, addresses that no mail can reach."""

import pytest
from rest_framework.test import APIClient

from accounts_app.models import DueMail, User
from tests.accounts_app.conftest import error_of
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

UNREACHABLE = [
    "dora@exam\u202eple.test",
    "dora@exam\u200bple.test",
    "dora@exam\u00adple.test",
    "dora@\u2067example.test",
    f"{'d' * 65}@example.test",
    "dora@" + "\u00e4" * 60 + ".test",
    "dora@\u05d0b\u05d11.test",
]


@pytest.mark.parametrize("email", UNREACHABLE)
def test_unreachable(anyone: APIClient, email: str) -> None:
    answers = [
        anyone.post("/api/auth/register", {"email": email, "password": PASSWORD}),
        anyone.post("/api/auth/password/reset", {"email": email}),
    ]
    for answer in answers:
        assert error_of(answer, 400) in {("email", "unreachable"), ("email", "invalid")}
    assert not User.objects.exists()
    assert not DueMail.objects.exists()


@pytest.mark.parametrize(
    "email",
    ["dora@b\u00fccher.test", f"{'d' * 64}@example.test", "d+tag@\u4f8b\u3048.test", "o'neil@example.test"],
)
def test_reachable(anyone: APIClient, email: str) -> None:
    assert anyone.post("/api/auth/register", {"email": email, "password": PASSWORD}).status_code == 201
