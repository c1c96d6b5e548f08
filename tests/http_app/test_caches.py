"""No shared cache stores a user's answers, and no cache at all stores a secret (RFC 6749, 5.1)."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts_app.models import User
from tests.conftest import PASSWORD


@pytest.mark.parametrize("path", ["/api/me", "/api/tasks", "/api/tasks/7"])
def test_a_read_is_asked_for_again(alice: User, client_of: Callable[[User], APIClient], path: str) -> None:
    assert client_of(alice).get(path).headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_tokens_are_not_stored(alice: User, password: str) -> None:
    answer = APIClient().post("/api/auth/token", {"email": alice.email, "password": password})
    assert answer.headers["Cache-Control"] == "no-store"
