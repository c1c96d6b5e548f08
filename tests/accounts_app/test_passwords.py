"""Change a password with the current one, or reset it with a mailed token."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import ANY
from uuid import uuid4

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app import mails
from accounts_app.models import DueMail, OutsideIdentity, User
from tests.accounts_app.conftest import Tokens, error_of, sign_in, who_am_i
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], APIClient]
NEW = "fresh horse, new staple"
BAD_TOKEN = ("token", "invalid_token")


def change(client: APIClient, access: str, **body: Any) -> Any:
    body = {"current_password": PASSWORD, "new_password": NEW} | body
    headers = {"Authorization": f"Bearer {access}"}
    return client.post("/api/auth/password/change", body, headers=headers)


def ask(client: APIClient, email: str = "alice@example.test") -> Any:
    return client.post("/api/auth/password/reset", {"email": email})


def confirm(client: APIClient, code: dict[str, str], password: str = NEW) -> Any:
    return client.post("/api/auth/password/reset/confirm", code | {"password": password})


def code_in(mail: EmailMessage) -> dict[str, str]:
    """The mail's values must be sent with the new password."""
    return dict(re.findall(r"^  (uid|token): (\S+)$", str(mail.body), re.MULTILINE))


@pytest.fixture
def code(alice: User, anyone: APIClient, mailoutbox: list[EmailMessage]) -> dict[str, str]:
    """From a mail that Alice requested."""
    ask(anyone)
    mails.send_due_mails()
    found = code_in(mailoutbox.pop())
    DueMail.objects.all().delete()
    return found


def test_a_change_ends_every_sign_in_but_the_new_one(alice: User, hers: Tokens, anyone: APIClient) -> None:
    phone = sign_in(anyone, "alice@example.test").json()
    answer = change(anyone, hers["access"])
    assert answer.status_code == 200
    assert answer.json() == {"access": ANY, "refresh": ANY}
    for tokens in (hers, phone):
        assert error_of(who_am_i(anyone, tokens["access"]), 401) == (None, "password_changed")
        assert anyone.post("/api/auth/token/refresh", {"refresh": tokens["refresh"]}).status_code == 401
    assert who_am_i(anyone, answer.json()["access"]).status_code == 200
    again = anyone.post("/api/auth/token/refresh", {"refresh": answer.json()["refresh"]})
    assert again.status_code == 200
    assert sign_in(anyone, "alice@example.test").status_code == 401
    assert sign_in(anyone, "alice@example.test", NEW).status_code == 200


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("current_password", "wrong", "wrong_password"),
        ("current_password", "", "blank"),
        ("current_password", None, "null"),
        ("new_password", "short77", "password_too_short"),
        ("new_password", "password123", "password_too_common"),
        ("new_password", "4827364529384", "password_entirely_numeric"),
        ("new_password", "alice@example.test", "password_too_similar"),
        ("email", "alice@example.test", "unknown_field"),
    ],
)
def test_what_is_wrong_with_a_change_is_named(
    hers: Tokens, anyone: APIClient, field: str, value: Any, code: str
) -> None:
    assert error_of(change(anyone, hers["access"], **{field: value}), 400) == (field, code)
    assert who_am_i(anyone, hers["access"]).status_code == 200


def test_who_has_no_password_cannot_change_it(client_of: ClientOf) -> None:
    outside = User.objects.create_user(None)
    body = {"current_password": "!", "new_password": NEW}
    answer = client_of(outside).post("/api/auth/password/change", body)
    assert error_of(answer, 400) == ("current_password", "wrong_password")


def test_a_program_cannot_change_the_password(alice: User, hers: Tokens, anyone: APIClient) -> None:
    headers = {"Authorization": f"Bearer {hers['access']}"}
    body = {"name": "a program", "scopes": ["read", "write"]}
    token = anyone.post("/api/auth/api-tokens", body, headers=headers).json()["token"]
    assert error_of(change(anyone, token), 403) == (None, "api_token_refused")


def test_the_answer_to_a_change_is_not_kept(hers: Tokens, anyone: APIClient) -> None:
    headers = {"Authorization": f"Bearer {hers['access']}", "Idempotency-Key": "k"}
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert anyone.post("/api/auth/password/change", body, headers=headers).status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM idempotency_keys")
        assert cursor.fetchone() == (0,)


def test_a_change_is_notified_by_mail(
    hers: Tokens, anyone: APIClient, mailoutbox: list[EmailMessage]
) -> None:
    change(anyone, hers["access"])
    assert mails.send_due_mails() == 1
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == (["alice@example.test"], "Your password was changed")
    assert NEW not in str(mail.body)


def test_a_forgotten_password_is_chosen_anew(
    alice: User, hers: Tokens, anyone: APIClient, code: dict[str, str]
) -> None:
    answer = confirm(anyone, code)
    assert (answer.status_code, answer.content) == (204, b"")
    assert error_of(who_am_i(anyone, hers["access"]), 401) == (None, "password_changed")
    assert anyone.post("/api/auth/token/refresh", {"refresh": hers["refresh"]}).status_code == 401
    assert sign_in(anyone, "alice@example.test", NEW).status_code == 200
    alice.refresh_from_db()
    assert alice.email_confirmed


def test_known_and_unknown_addresses_are_answered_alike(
    alice: User, anyone: APIClient, django_assert_num_queries: Any, mailoutbox: list[EmailMessage]
) -> None:
    inactive = User.objects.create_user("gone@example.test", PASSWORD, is_active=False)
    User.objects.create_user("outside@example.test")
    answers = []
    for email in ("alice@example.test", "nobody@example.test", str(inactive.email), "outside@example.test"):
        with django_assert_num_queries(8):
            answer = ask(anyone, email)
        answers.append((answer.status_code, answer.content))
    assert set(answers) == {(202, b"")}
    assert mails.send_due_mails() == 1
    assert [mail.to for mail in mailoutbox] == [["alice@example.test"]]


@pytest.mark.parametrize("typed", ["ALICE@EXAMPLE.TEST", " alice@example.test "])
def test_the_mail_goes_to_the_address_of_the_account(
    alice: User, anyone: APIClient, typed: str, mailoutbox: list[EmailMessage]
) -> None:
    assert ask(anyone, typed).status_code == 202
    mails.send_due_mails()
    assert [mail.to for mail in mailoutbox] == [["alice@example.test"]]


@pytest.mark.parametrize("email", ["", None, "alice", "alice@example.test\nBcc: mallory@example.test"])
def test_what_is_no_address_is_refused(anyone: APIClient, email: Any) -> None:
    assert ask(anyone, email).status_code == 400
    assert not DueMail.objects.exists()


def test_a_token_is_good_once(code: dict[str, str], anyone: APIClient) -> None:
    assert confirm(anyone, code).status_code == 204
    assert error_of(confirm(anyone, code, "another horse entirely"), 400) == BAD_TOKEN
    assert sign_in(anyone, "alice@example.test", NEW).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_sets_the_password(code: dict[str, str]) -> None:
    def attempt(password: str) -> int:
        try:
            status: int = confirm(APIClient(), code, password).status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, [NEW, "another horse entirely"])) == [204, 400]


def test_a_token_lasts_for_an_hour(alice: User, anyone: APIClient, clock: Any, mailoutbox: Any) -> None:
    ask(anyone)
    mails.send_due_mails()
    code = code_in(mailoutbox[0])
    clock.shift(timedelta(hours=1, seconds=1))
    assert error_of(confirm(anyone, code), 400) == BAD_TOKEN


def test_a_weak_password_does_not_spend_the_token(code: dict[str, str], anyone: APIClient) -> None:
    assert error_of(confirm(anyone, code, "password123"), 400) == ("password", "password_too_common")
    assert confirm(anyone, code).status_code == 204


def test_a_token_of_another_is_refused(bob: User, code: dict[str, str], anyone: APIClient) -> None:
    for uid in (str(bob.pk), str(uuid4())):
        assert error_of(confirm(anyone, code | {"uid": uid}), 400) == BAD_TOKEN
    assert error_of(confirm(anyone, code | {"token": code["token"][:-1] + "!"}), 400) == BAD_TOKEN
    assert error_of(confirm(anyone, code | {"uid": "5"}), 400) == ("uid", "invalid")


def test_a_token_is_void_after_a_change_of_password_or_address(
    alice: User, code: dict[str, str], anyone: APIClient
) -> None:
    alice.email = "alice@elsewhere.test"
    alice.save()
    assert error_of(confirm(anyone, code), 400) == BAD_TOKEN
    alice.email = "alice@example.test"
    alice.set_password(NEW)
    alice.save()
    assert error_of(confirm(anyone, code), 400) == BAD_TOKEN


def test_a_disabled_account_gets_none(alice: User, code: dict[str, str], anyone: APIClient) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert error_of(confirm(anyone, code), 400) == BAD_TOKEN


def test_who_first_shows_that_the_address_is_theirs_is_alone_in_the_account(
    alice: User, code: dict[str, str], anyone: APIClient
) -> None:
    """Someone else may have opened the account with this address, and waited."""
    OutsideIdentity.objects.create(user=alice, issuer="https://id.example.test", subject="mallory")
    alice.api_tokens.create(name="mallory's", digest="0" * 64, scopes=["read"])
    confirm(anyone, code)
    assert not alice.api_tokens.exists()
    assert not alice.outside_identities.exists()


def test_who_had_shown_it_before_keeps_their_programs(
    alice: User, anyone: APIClient, mailoutbox: list[EmailMessage]
) -> None:
    User.objects.filter(pk=alice.pk).update(email_confirmed=True)
    alice.api_tokens.create(name="hers", digest="0" * 64, scopes=["read"])
    ask(anyone)
    mails.send_due_mails()
    assert confirm(anyone, code_in(mailoutbox[0])).status_code == 204
    assert alice.api_tokens.exists()


def test_the_mail_links_to_the_clients_page(
    alice: User, anyone: APIClient, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    settings.PASSWORD_RESET_URL = "https://app.example.test/reset?uid={uid}&token={token}"
    ask(anyone)
    mails.send_due_mails()
    (link,) = re.findall(r"https://\S+", str(mailoutbox[0].body))
    code = dict(re.findall(r"(uid|token)=([^&]+)", link))
    assert confirm(anyone, code).status_code == 204
