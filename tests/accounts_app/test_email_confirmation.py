"""A mailed token confirms the address while the account still has it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app import email_confirmation, mails
from accounts_app.models import DueMail, User
from tests.accounts_app.conftest import error_of
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], APIClient]
BAD_TOKEN = ("token", "invalid_token")


def confirm(client: APIClient, token: str) -> Any:
    return client.post("/api/auth/email/confirm", {"token": token})


def token_in(mail: EmailMessage) -> str:
    (token,) = re.findall(r"^  token: (\S+)$", str(mail.body), re.MULTILINE)
    assert isinstance(token, str)
    return token


def test_a_new_account_confirms_its_address(anyone: APIClient, mailoutbox: list[EmailMessage]) -> None:
    body = {"email": "Dora@example.test", "password": PASSWORD}
    assert anyone.post("/api/auth/register", body).status_code == 201
    assert mails.send_due_mails() == 1
    (mail,) = mailoutbox
    assert mail.to == ["Dora@example.test"]
    answer = confirm(anyone, token_in(mail))
    assert (answer.status_code, answer.content) == (204, b"")
    assert User.objects.get().email_confirmed


def test_a_refused_registration_sends_nothing(alice: User, anyone: APIClient) -> None:
    body = {"email": "alice@example.test", "password": PASSWORD}
    assert anyone.post("/api/auth/register", body).status_code == 400
    assert not DueMail.objects.exists()


def test_a_repeated_confirmation_is_as_valid_as_the_first(alice: User, anyone: APIClient) -> None:
    token = email_confirmation.make_token(alice)
    assert [confirm(anyone, token).status_code for _ in range(2)] == [204, 204]


def test_a_token_is_void_when_the_account_has_another_address(alice: User, anyone: APIClient) -> None:
    token = email_confirmation.make_token(alice)
    alice.email = "alice@elsewhere.test"
    alice.save()
    assert error_of(confirm(anyone, token), 400) == BAD_TOKEN
    alice.refresh_from_db()
    assert not alice.email_confirmed


def test_a_token_lasts_three_days(alice: User, anyone: APIClient, clock: Any) -> None:
    token = email_confirmation.make_token(alice)
    clock.shift(timedelta(days=3, seconds=1))
    assert error_of(confirm(anyone, token), 400) == BAD_TOKEN


def test_what_is_no_token_is_refused(alice: User, bob: User, anyone: APIClient) -> None:
    valid = email_confirmation.make_token(alice)
    bobs = valid.replace(str(alice.pk), str(bob.pk))
    for token in ("x", ":", valid[:-1], bobs, valid + "x", "é:1:é", str(alice.pk)):
        assert error_of(confirm(anyone, token), 400) == BAD_TOKEN
    assert not User.objects.filter(email_confirmed=True).exists()


def test_a_closed_account_confirms_nothing(alice: User, anyone: APIClient) -> None:
    token = email_confirmation.make_token(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert error_of(confirm(anyone, token), 400) == BAD_TOKEN


def test_the_mail_is_sent_again_when_asked_for(
    alice: User, client_of: ClientOf, anyone: APIClient, mailoutbox: list[EmailMessage]
) -> None:
    assert client_of(alice).post("/api/auth/email/confirm/resend").status_code == 202
    mails.send_due_mails()
    assert confirm(anyone, token_in(mailoutbox[0])).status_code == 204
    again = client_of(User.objects.get()).post("/api/auth/email/confirm/resend")
    assert error_of(again, 409) == (None, "already_confirmed")


def test_who_has_no_address_has_none_to_confirm(client_of: ClientOf) -> None:
    answer = client_of(User.objects.create_user(None)).post("/api/auth/email/confirm/resend")
    assert error_of(answer, 409) == (None, "no_email")


def test_the_mail_links_to_the_clients_page(
    alice: User, client_of: ClientOf, anyone: APIClient, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    settings.EMAIL_CONFIRM_URL = "https://app.example.test/confirm?token={token}"
    client_of(alice).post("/api/auth/email/confirm/resend")
    mails.send_due_mails()
    (token,) = re.findall(r"https://app\.example\.test/confirm\?token=(\S+)", str(mailoutbox[0].body))
    assert confirm(anyone, token.replace("%3A", ":")).status_code == 204
