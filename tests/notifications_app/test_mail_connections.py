"""A connection to the mail server serves many mails, and a broken one loses none."""

from collections.abc import Iterator

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings

from notifications_app.channels import kept_mail_servers
from tests.notifications_app.smtp_server import MailServer, mail_server


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    with mail_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = running.server_address
        yield running


def send(subject: str = "Reminder") -> None:
    kept_mail_servers.send(EmailMessage(subject, "Milk", to=["alice@example.test"]))


def test_ten_mails_are_one_session(server: MailServer) -> None:
    for number in range(10):
        send(f"Reminder {number}")
    assert [mail["Subject"] for mail in server.mails] == [f"Reminder {number}" for number in range(10)]
    assert server.sessions == 1


def test_a_connection_that_the_server_has_closed_is_not_used(server: MailServer) -> None:
    send()
    server.close_sessions()
    send()
    assert (len(server.mails), server.sessions) == (2, 2)


def test_one_that_failed_is_closed(server: MailServer) -> None:
    server.answers = {"END": "451 Later"}
    with pytest.raises(Exception, match="451"):
        send()
    server.answers = {}
    send()
    assert (len(server.mails), server.sessions) == (1, 2)


def test_another_server_gets_its_own(server: MailServer, settings: Settings) -> None:
    send()
    with mail_server() as other:
        settings.EMAIL_HOST, settings.EMAIL_PORT = other.server_address
        send()
        assert (len(server.mails), len(other.mails)) == (1, 1)


def test_a_connection_is_not_kept_for_long(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    send()
    monkeypatch.setattr(kept_mail_servers, "IDLE_SECONDS", 0.0)
    send()
    assert (len(server.mails), server.sessions) == (2, 2)


def test_another_backend_is_asked_each_time(mailoutbox: list[EmailMessage]) -> None:
    send()
    send()
    assert len(mailoutbox) == 2
