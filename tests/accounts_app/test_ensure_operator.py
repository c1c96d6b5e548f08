from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts_app.models import User

pytestmark = pytest.mark.django_db


def ensure_operator() -> str:
    output = StringIO()
    call_command("ensure_operator", stdout=output)
    return output.getvalue().strip()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPERATOR_EMAIL", raising=False)
    monkeypatch.setenv("OPERATOR_PASSWORD", "first password")


def test_the_operator_is_created_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ensure_operator() == "operator@example.test can now sign in to the admin."
    monkeypatch.setenv("OPERATOR_PASSWORD", "second password")
    assert ensure_operator() == "operator@example.test already has an account; nothing was changed."
    operator = User.objects.get()
    assert operator.is_staff
    assert operator.is_superuser
    assert operator.check_password("first password")


def test_an_existing_account_is_not_changed(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_EMAIL", "Alice@example.test")
    ensure_operator()
    alice.refresh_from_db()
    assert not alice.is_superuser
    assert not alice.check_password("first password")


def test_without_a_password_no_account_is_created(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPERATOR_PASSWORD")
    with pytest.raises(CommandError, match="Set OPERATOR_PASSWORD"):
        ensure_operator()
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("admin", "This password is too short. It must contain at least 8 characters."),
        ("password1", "This password is too common."),
        ("83629471", "This password is entirely numeric."),
        ("operator@example", "The password is too similar to the email."),
    ],
)
def test_a_weak_password_is_refused(monkeypatch: pytest.MonkeyPatch, password: str, reason: str) -> None:
    monkeypatch.setenv("OPERATOR_PASSWORD", password)
    with pytest.raises(CommandError) as refused:
        ensure_operator()
    assert str(refused.value).startswith("OPERATOR_PASSWORD is too weak: ")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not User.objects.exists()


def test_without_a_password_an_existing_operator_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_operator()
    monkeypatch.delenv("OPERATOR_PASSWORD")
    assert "nothing was changed" in ensure_operator()
