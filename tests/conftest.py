"""The cast: alice, bob and charlie; and a client for each."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts_app.models import User

PASSWORD = "correct horse battery staple"


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice@example.test", PASSWORD, timezone="Europe/Berlin")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob@example.test", PASSWORD, timezone="America/New_York")


@pytest.fixture
def charlie(db: None) -> User:
    return User.objects.create_user("charlie@example.test", PASSWORD)


@pytest.fixture
def client_of() -> Callable[[User], APIClient]:
    """`client_of(alice)`: a client that is signed in."""

    def make(user: User) -> APIClient:
        client = APIClient()
        client.force_authenticate(user)
        return client

    return make
