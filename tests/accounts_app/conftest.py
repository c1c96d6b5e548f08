from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts_app.models import User
from tests.conftest import PASSWORD

Tokens = dict[str, str]


@pytest.fixture
def anyone() -> APIClient:
    """A client that is not signed in."""
    return APIClient()


@pytest.fixture
def hers(alice: User, anyone: APIClient) -> Tokens:
    """Alice's tokens, from a real sign-in."""
    tokens: Tokens = sign_in(anyone, "alice@example.test").json()
    return tokens


def sign_in(client: APIClient, email: str, password: str = PASSWORD) -> Any:
    return client.post("/api/auth/token", {"email": email, "password": password})


def who_am_i(client: APIClient, access: str) -> Any:
    return client.get("/api/me", headers={"Authorization": f"Bearer {access}"})


def error_of(answer: Any, status: int) -> tuple[str | None, str]:
    """The field and the code of the one error."""
    assert answer.status_code == status, answer.content
    (error,) = answer.json()["errors"]
    assert error["detail"]
    return error["attr"], error["code"]
