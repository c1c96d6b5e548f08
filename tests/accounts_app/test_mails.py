"""A mail is a row in the request's transaction and sent later: not lost, not repeated, not kept."""

import json
import logging
import smtplib
import socket
import threading
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends import locmem
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts_app import mails
from accounts_app.models import DueMail, User
from tests.aside import PATIENCE_SECONDS, aside

pytestmark = pytest.mark.django_db

RESET, CONFIRMATION = DueMail.Kind.PASSWORD_RESET, DueMail.Kind.EMAIL_CONFIRMATION
ALICE = "alice@example.test"


@pytest.fixture
def no_one_listens(settings: Settings) -> None:
    """A port of this machine that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_PORT = server.getsockname()[1]
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


def test_a_mail_in_a_file(alice: User, settings: Settings, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mails"
    mails.request_mail(RESET, ALICE)
    assert mails.send_due_mails() == 1
    (file,) = (tmp_path / "mails").iterdir()
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (message["To"], message["Subject"]) == (ALICE, "Choose a new password")
    assert (message["From"], message["Auto-Submitted"]) == (settings.DEFAULT_FROM_EMAIL, "auto-generated")
    assert message.get_content_type() == "text/plain"
    assert str(alice.pk) in message.get_content()


def test_a_request_that_is_taken_back_sends_nothing(alice: User) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        mails.request_mail(RESET, ALICE)
        raise RuntimeError
    assert mails.send_due_mails() == 0


def test_asked_for_often_it_is_sent_once_a_minute(alice: User, clock: Any, mailoutbox: Any) -> None:
    for _ in range(3):
        mails.request_mail(RESET, ALICE)
    assert [mails.send_due_mails() for _ in range(2)] == [1, 0]
    mails.request_mail(RESET, ALICE.upper())
    assert mails.send_due_mails() == 0
    clock.shift(timedelta(minutes=1))
    assert mails.send_due_mails() == 1
    assert len(mailoutbox) == 2


def test_a_mail_of_another_kind_does_not_wait(alice: User) -> None:
    for kind in DueMail.Kind:
        mails.request_mail(kind, ALICE)
    assert mails.send_due_mails() == len(DueMail.Kind)


def test_what_is_true_when_it_is_sent_counts(alice: User, mailoutbox: list[EmailMessage]) -> None:
    mails.request_mail(CONFIRMATION, ALICE)
    User.objects.filter(pk=alice.pk).update(email_confirmed=True)
    mails.request_mail(RESET, ALICE)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert mails.send_due_mails() == 0
    assert mailoutbox == []
    assert not DueMail.objects.filter(handled_at=None).exists()


def test_a_server_that_is_away_is_tried_again_and_at_last_given_up(
    alice: User, clock: Any, no_one_listens: None, caplog: pytest.LogCaptureFixture
) -> None:
    mails.request_mail(RESET, ALICE)
    tried = 0
    while (due := DueMail.objects.get()).next_attempt_at:
        clock.move_to(due.next_attempt_at)
        assert mails.send_due_mails() == 0
        tried += 1
    assert (tried, due.attempts) == (mails.MAX_ATTEMPTS, mails.MAX_ATTEMPTS)
    assert due.error.startswith("ConnectionRefusedError")
    assert timedelta(hours=2) < timezone.now() - due.requested_at < timedelta(hours=3)


def test_a_mail_is_sent_as_soon_as_the_server_is_back(
    alice: User, clock: Any, no_one_listens: None, settings: Settings
) -> None:
    mails.request_mail(RESET, ALICE)
    assert mails.send_due_mails() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mails.send_due_mails() == 0
    clock.shift(mails.FIRST_RETRY)
    assert mails.send_due_mails() == 1
    assert DueMail.objects.get().error == ""


def test_who_dies_while_sending_leaves_the_mail_to_be_sent_later(
    alice: User, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: EmailMessage, *args: Any, **kwargs: Any) -> int:
        raise KeyboardInterrupt

    mails.request_mail(RESET, ALICE)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(EmailMessage, "send", killed)
        mails.send_due_mails()
    assert mails.send_due_mails() == 0
    clock.shift(mails.FIRST_RETRY)
    assert mails.send_due_mails() == 1


class RefusingServer(threading.Thread):
    """A mail server that rejects every recipient; its response to RCPT contains the address."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(daemon=True)
        self.answer = answer
        self.server = socket.create_server(("127.0.0.1", 0))
        self.start()

    def run(self) -> None:
        client, _ = self.server.accept()
        with client, self.server, client.makefile("rwb", 0) as lines:
            lines.write(b"220 here\r\n")
            for line in lines:
                lines.write(self.answer + b"\r\n" if line.upper().startswith(b"RCPT") else b"250 so\r\n")


@pytest.mark.parametrize(("answer", "final"), [(b"550 no alice here", True), (b"450 later, alice", False)])
def test_an_address_the_server_will_never_take_is_given_up_at_once(
    alice: User, settings: Settings, answer: bytes, final: bool
) -> None:
    server = RefusingServer(answer)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = server.server.getsockname()
    mails.request_mail(RESET, ALICE)
    assert mails.send_due_mails() == 0
    due = DueMail.objects.get()
    assert ((due.handled_at is not None), due.error) == (final, "SMTPRecipientsRefused")


def test_neither_token_nor_address_is_in_the_log_or_the_database(
    alice: User, mailoutbox: list[EmailMessage], caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    def repeats_the_mail(self: Any, messages: list[EmailMessage]) -> int:
        mailoutbox.extend(messages)
        raise smtplib.SMTPDataError(554, f"spam: {messages[0].body}".encode())

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", repeats_the_mail)
    with caplog.at_level(logging.DEBUG):
        mails.request_mail(RESET, ALICE)
        mails.send_due_mails()
    token = str(mailoutbox[0].body).split("token: ")[1].split()[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(due_mails) FROM due_mails")
        rows = json.dumps(cursor.fetchall(), default=str)
    assert "SMTPDataError 554" in rows
    assert "mail_failed" in caplog.text
    assert token not in rows + caplog.text
    assert ALICE not in caplog.text


def test_what_was_sent_is_forgotten_after_a_day(alice: User, clock: Any) -> None:
    mails.request_mail(RESET, ALICE)
    mails.send_due_mails()
    clock.shift(timedelta(hours=23))
    assert mails.purge_handled() == 0
    clock.shift(timedelta(hours=2))
    assert mails.purge_handled() == 1


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_is_requested_again_while_its_row_is_purged_stays() -> None:
    mails.request_mail(RESET, ALICE)
    DueMail.objects.update(handled_at=timezone.now() - 2 * mails.KEPT, next_attempt_at=None)
    with aside() as start:
        with transaction.atomic():
            mails.request_mail(RESET, ALICE)
            purging = start(mails.purge_handled)
        assert purging.result(PATIENCE_SECONDS) == 0
    assert DueMail.objects.get().handled_at is None


def test_two_workers_do_not_send_the_same_mail(alice: User, mailoutbox: list[EmailMessage]) -> None:
    mails.request_mail(RESET, ALICE)
    first = mails.lease_next()
    assert first is not None
    assert mails.lease_next() is None
