"""Reminders by email: which addresses get them, what a mail says, and what the server's answers mean."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client
from pytest_django import Settings

from accounts_app.models import User
from accounts_app.preferences import EmailStop
from notifications_app.models import Delivery, Reminder
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver
from notifications_app.unsubscribing import unsubscribe
from tasks_app.models import Task
from tasks_app.services import complete_task
from tests.notifications_app.conftest import NOON, attempts_of, task_due
from tests.notifications_app.smtp_server import MailServer, mail_server

pytestmark = pytest.mark.usefixtures("noon")
ADDRESS = "alice@example.test"


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    with mail_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = running.server_address
        settings.DEFAULT_FROM_EMAIL = "To-do <todo@mail.example.com>"
        settings.PUBLIC_URL = "https://todo.example.com"
        yield running


@pytest.fixture
def alice(alice: User) -> User:
    alice.email_confirmed, alice.channels = True, ["email"]
    alice.save()
    return alice


def mailed(user: User, **fields: object) -> Delivery:
    """A reminder that came due, and one attempt of its one delivery."""
    task_due(user, **fields)
    assert scan_reminders() == 1
    delivery = Delivery.objects.latest("pk")
    deliver(delivery.pk)
    delivery.refresh_from_db()
    return delivery


def part(mail: Any, kind: str) -> str:
    return str(mail.get_body((kind,)).get_content()).replace("\r\n", "\n")


def test_a_reminder_is_sent_as_text_and_html(alice: User, server: MailServer) -> None:
    due = {"due_at": NOON + timedelta(hours=1), "description": "She has <news>.\nAsk."}
    delivery = mailed(alice, title="Call mum & dad", **due)
    assert (delivery.channel, delivery.target, delivery.state) == ("email", ADDRESS, "sent")
    (mail,) = server.mails
    assert server.recipients == [ADDRESS]
    assert (mail["Subject"], mail["To"]) == ("Reminder: Call mum & dad", ADDRESS)
    assert mail["From"] == "To-do <todo@mail.example.com>"
    text, html = part(mail, "plain"), part(mail, "html")
    assert text.startswith(
        "Call mum & dad\n\nDue on Monday, 2 March at 14:00 (Europe/Berlin).\n\nShe has <news>.\nAsk."
    )
    assert "<h1" in html
    assert "Call mum &amp; dad" in html
    assert "She has &lt;news&gt;.<br>Ask." in html
    assert Reminder.objects.get().state == "delivered"
    assert Task.objects.get().reminder_sent


def test_an_all_day_task_is_due_on_a_day(alice: User, server: MailServer) -> None:
    mailed(alice, due_date=NOON.date(), reminder_at=NOON - timedelta(seconds=1))
    assert "Due on Monday, 2 March." in part(server.mails[0], "plain")


def test_the_links_of_the_mail_work(alice: User, server: MailServer) -> None:
    mailed(alice)
    lines = part(server.mails[0], "plain").splitlines()
    assert [line for line in lines if line.endswith(":")] == [
        "Complete:",
        "Snooze for 10 minutes:",
        "Snooze for 1 hour:",
        "Snooze until tomorrow morning:",
        "You get reminders at this address. To stop these emails:",
    ]
    complete = lines[lines.index("Complete:") + 1].strip()
    assert complete in part(server.mails[0], "html")
    assert Client().post(complete.removeprefix("https://todo.example.com")).status_code == 200
    assert Task.objects.get().completed


def test_a_mail_program_can_unsubscribe_with_one_click(alice: User, server: MailServer) -> None:
    """RFC 8058: both headers, one https link."""
    mailed(alice)
    mail = server.mails[0]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail["List-Unsubscribe"].strip()
    assert link.startswith("<https://todo.example.com/u/")
    assert link[1:-1] in part(mail, "plain")
    assert link[1:-1] in part(mail, "html")
    assert mail["Auto-Submitted"] == "auto-generated"
    path = link[1:-1].removeprefix("https://todo.example.com")
    assert Client().post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not User.objects.get(pk=alice.pk).email_gets_reminders


def test_a_mail_that_is_sent_again_has_the_same_id(alice: User, server: MailServer, noon: Any) -> None:
    server.answers["END"] = "451 4.3.0 Later"
    delivery = mailed(alice)
    del server.answers["END"]
    noon.move_to(delivery.next_attempt_at)
    deliver(delivery.pk)
    assert server.mails[0]["Message-ID"] == f"<{delivery.pk}.{delivery.event_id}@mail.example.com>"
    assert [status for status, _ in attempts_of(delivery)] == [None, 250]


def test_a_title_of_several_lines_is_one_subject(alice: User, server: MailServer) -> None:
    mailed(alice, title="Call\r\nBcc: mallory@example.test")
    assert server.mails[0]["Subject"] == "Reminder: Call Bcc: mallory@example.test"
    assert server.recipients == [ADDRESS]


class TestNotSent:
    @pytest.fixture
    def delivery(self, alice: User, server: MailServer) -> Delivery:
        task_due(alice)
        scan_reminders()
        return Delivery.objects.get()

    def after_attempt(self, delivery: Delivery) -> str:
        deliver(delivery.pk)
        delivery.refresh_from_db()
        return delivery.state

    def test_after_the_task_is_done(self, delivery: Delivery, server: MailServer) -> None:
        complete_task(Task.objects.locked().get())
        assert self.after_attempt(delivery) == "cancelled"
        assert server.mails == []

    def test_after_unsubscribing(self, delivery: Delivery, alice: User, server: MailServer) -> None:
        unsubscribe(alice)
        assert self.after_attempt(delivery) == "cancelled"
        assert server.mails == []

    def test_to_an_address_that_has_changed(
        self, delivery: Delivery, alice: User, server: MailServer
    ) -> None:
        User.objects.filter(pk=alice.pk).update(email="alice@example.org")
        assert self.after_attempt(delivery) == "cancelled"
        assert server.mails == []


@pytest.mark.parametrize(
    ("answers", "state", "stopped"),
    [
        ({"RCPT": "550 5.1.1 No such user"}, "failed", True),
        ({"RCPT": "550 No such user here"}, "failed", True),
        ({"RCPT": "553 5.2.1 Mailbox disabled"}, "failed", True),
        # The fault is ours, not that of the address.
        ({"RCPT": "554 5.7.1 Relay access denied"}, "failed", False),
        ({"END": "554 5.6.0 Message refused"}, "failed", False),
        ({"END": "552 Too large"}, "failed", False),
        ({"MAIL": "550 5.7.1 Sender not allowed"}, "pending", False),
        # Later.
        ({"RCPT": "450 4.2.1 Greylisted"}, "pending", False),
        ({"RCPT": "452 4.2.2 Mailbox full"}, "pending", False),
        ({"END": "451 4.3.0 Try again"}, "pending", False),
        ({"CONNECT": "421 4.3.2 Busy"}, "pending", False),
        ({"CONNECT": "554 No service"}, "pending", False),
    ],
)
def test_what_the_mail_server_answers(
    alice: User, server: MailServer, answers: dict[str, str], state: str, stopped: bool
) -> None:
    server.answers = answers
    assert mailed(alice).state == state
    assert server.mails == []
    user = User.objects.get(pk=alice.pk)
    assert user.email_stopped == (EmailStop.REFUSED if stopped else None)


def test_a_refused_address_is_not_tried_again_and_me_says_so(
    alice: User, server: MailServer, client_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = {"RCPT": "550 5.1.1 No such user"}
    refused = mailed(alice)
    assert attempts_of(refused) == [(None, "The mail server does not take this address: 550 5.1.1.")]
    assert "email_refused" in caplog.text
    server.answers = {}
    task_due(alice)
    scan_reminders()
    assert Delivery.objects.count() == 1
    assert list(Reminder.objects.values_list("state", flat=True)) == ["no_device", "undelivered"]
    assert client_of(User.objects.get(pk=alice.pk)).get("/api/me").json()["reachable"] is False


def test_a_server_that_repeats_the_mail_in_its_answer_leaves_no_link_in_the_attempt(
    alice: User, server: MailServer
) -> None:
    server.answers = {"END": "554 5.6.0 Refused: https://todo.example.com/r/secret"}
    ((_, error),) = attempts_of(mailed(alice))
    assert error == "The mail server does not take this message: 554 5.6.0."


def test_no_server_means_later(alice: User, settings: Settings, free_port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port
    delivery = mailed(alice)
    assert delivery.state == "pending"
    assert attempts_of(delivery)[0][1].startswith("The mail server did not take the message: Connection")


class ProviderBackend(BaseEmailBackend):
    """As those of django-anymail: what became of the mail is noted at it, before it raises."""

    statuses: set[str] = set()

    def send_messages(self, email_messages: Any) -> int:
        for mail in email_messages:
            mail.anymail_status = type("Status", (), {"status": self.statuses})()
            if self.statuses <= {"rejected", "invalid", "failed"}:
                raise RuntimeError("the provider's own error")
        return len(email_messages)


@pytest.mark.parametrize(
    ("statuses", "state", "stopped"),
    [
        ({"queued"}, "sent", None),
        ({"rejected"}, "failed", EmailStop.REFUSED),
        ({"invalid"}, "failed", EmailStop.REFUSED),
        ({"failed"}, "pending", None),
    ],
)
def test_a_providers_backend(
    alice: User, settings: Settings, monkeypatch: Any, statuses: set[str], state: str, stopped: str | None
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.{ProviderBackend.__name__}"
    monkeypatch.setattr(ProviderBackend, "statuses", statuses)
    assert mailed(alice).state == state
    assert User.objects.get(pk=alice.pk).email_stopped == stopped


def test_two_people_get_their_own(alice: User, bob: User, mailoutbox: list[EmailMessage]) -> None:
    bob.email_confirmed, bob.channels = True, ["email"]
    bob.save()
    task_due(alice, title="of alice")
    task_due(bob, title="of bob")
    scan_reminders()
    for pk in Delivery.objects.values_list("pk", flat=True):
        deliver(pk)
    assert {(mail.to[0], mail.subject) for mail in mailoutbox} == {
        ("alice@example.test", "Reminder: of alice"),
        ("bob@example.test", "Reminder: of bob"),
    }


def test_the_trace_says_what_became_of_it(alice: User, server: MailServer, client_of: Any) -> None:
    delivery = mailed(alice)
    server.answers = {"RCPT": "550 5.1.1 No such user"}
    refused = mailed(alice)
    client = client_of(alice)
    meanings = []
    for one in (delivery, refused):
        assert one.reminder
        (trace,) = client.get(f"/api/tasks/{one.reminder.task_id}/reminders").json()["results"]
        meanings.append(trace["deliveries"][0]["attempts"][0]["meaning"])
    assert meanings == [
        "The mail server has taken the message.",
        "The mail server does not take this address: 550 5.1.1.",
    ]


def test_a_log_line_does_not_name_the_address(
    alice: User, server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        mailed(alice)
    assert "delivery_attempted" in caplog.text
    assert ADDRESS not in caplog.text
