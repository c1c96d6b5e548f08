"""The cast: alice, bob and charlie; and a client for each."""

from collections.abc import Callable
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app.models import User
from devkit.embedded import ports
from tasks_app.models import Priority

add_first_priorities = import_module("tasks_app.migrations.0002_first_priorities").add

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def fast_passwords(settings: Settings) -> None:
    """A real password hash takes half a second, on purpose; every test makes users."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def no_throttles(settings: Settings) -> None:
    """The tests of throttling set rates of their own."""
    settings.THROTTLE_RATES = dict.fromkeys(settings.THROTTLE_RATES)


@pytest.fixture(autouse=True)
def first_priorities(request: pytest.FixtureRequest) -> None:
    """A test with real transactions ends by emptying every table, the migrations' rows too: put them back."""
    if request.node.get_closest_marker("django_db") or "db" in request.fixturenames:
        request.getfixturevalue("_django_db_helper")
        if not Priority.objects.exists():
            with connection.schema_editor() as editor:
                add_first_priorities(apps, editor)


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
