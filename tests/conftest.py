"""The cast: alice, bob and charlie; and a client for each."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import time_machine
from django.conf import settings
from django.core.management import get_commands
from django.test import Client, override_settings
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app.models import User
from devkit.embedded import ports
from notifications_app import hints
from state_store import conversations, task_updates
from state_store.cache import CountingCache
from state_store.wake_up import WakeUp
from tests.emptying import Flush
from todo_project import settings as project

PASSWORD = "correct horse battery staple"
PATIENCE_SECONDS = 60.0

# A busy machine may take its time over an example, or over making one.
hypothesis.settings.register_profile(
    "patient",
    hypothesis.settings(),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("patient")


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
def patient_with_the_store() -> Iterator[None]:
    """A store that waits for a busy machine's processor is not away; tests of one that is take the project's.

    With a quarter of a second a request would not be counted, and no stream would get its changes.
    """
    throttles: dict[str, Any] = settings.CACHES["throttles"]
    patient = {"socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS}
    with override_settings(
        REDIS_TIMEOUT_SECONDS=PATIENCE_SECONDS,
        CACHES=settings.CACHES | {"throttles": throttles | {"OPTIONS": patient}},
    ):
        yield


@pytest.fixture(autouse=True)
def no_pause_of_another_test() -> None:
    """A test that has found the store, or Celery's broker, to be away leaves a pause of some seconds."""
    for pause in (CountingCache.pause, WakeUp.pause, task_updates.pause, conversations.pause, hints.pause):
        pause.end()


@pytest.fixture(autouse=True, scope="session")
def quick_flush() -> None:
    get_commands()["flush"] = Flush()


@pytest.fixture
def own_timeouts_of_the_store(settings: Settings) -> None:
    """The project's own, for tests of a store that does not answer."""
    settings.REDIS_TIMEOUT_SECONDS, settings.CACHES = project.REDIS_TIMEOUT_SECONDS, project.CACHES


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
