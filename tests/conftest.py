"""The cast: alice, bob and charlie; and a client for each."""

import gc
from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.conf import settings
from django.core.management import get_commands
from django.test import Client, override_settings
from rest_framework.test import APIClient

from accounts_app.models import User
from devkit.embedded import ports
from tests.emptying import Flush

PASSWORD = "correct horse battery staple"


def pytest_collection_finish() -> None:
    """Thousands of tests stay until the end; the garbage collector need not look at them again and again."""
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def fast_settings() -> Iterator[None]:
    """What each of thousands of tests would pay for and few are about; those set what they need."""
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # a real hash takes half a second
        THROTTLE_RATES=dict.fromkeys(settings.THROTTLE_RATES),
        WHITENOISE_AUTOREFRESH=True,  # or each new client lists all static files: 20 ms
    ):
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_flush() -> None:
    get_commands()["flush"] = Flush()


@pytest.fixture
def free_port() -> int:
    return ports.free_port()


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


@pytest.fixture
def operator(db: None) -> Client:
    """A client of someone who may do everything in the admin."""
    client = Client()
    client.force_login(User.objects.create_superuser("operator@example.test", PASSWORD))
    return client


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Time stands still until the test moves it."""
    with time_machine.travel("2026-03-02T12:00:00Z", tick=False) as traveller:
        yield traveller
