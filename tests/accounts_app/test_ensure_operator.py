from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts_app.models import User

pytestmark = pytest.mark.django_db


def ensure_operator() -> str:
    told = StringIO()
    call_command("ensure_operator", stdout=told)
    return told.getvalue().strip()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPERATOR_EMAIL", raising=False)
    monkeypatch.setenv("OPERATOR_PASSWORD", "first password")


def test_the_operator_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ensure_operator() == "operator@example.test can sign in to the admin now."
    monkeypatch.setenv("OPERATOR_PASSWORD", "second password")
    assert ensure_operator() == "operator@example.test has an account already: nothing is changed."
    operator = User.objects.get()
    assert operator.is_staff
    assert operator.is_superuser
    assert operator.check_password("first password")


def test_an_account_of_that_address_is_left_as_it_is(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_EMAIL", "Alice@example.test")
    ensure_operator()
    alice.refresh_from_db()
    assert not alice.is_superuser
    assert not alice.check_password("first password")


def test_without_a_password_nobody_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPERATOR_PASSWORD")
    with pytest.raises(CommandError, match="set OPERATOR_PASSWORD"):
        ensure_operator()
    assert not User.objects.exists()


def test_without_a_password_an_operator_that_is_there_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_operator()
    monkeypatch.delenv("OPERATOR_PASSWORD")
    assert "nothing is changed" in ensure_operator()
