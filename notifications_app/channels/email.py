"""Email, by Django's mail backend: SMTP (EMAIL_URL), or a provider's (EMAIL_BACKEND)."""

import re
from collections.abc import Collection
from email.utils import parseaddr
from smtplib import (
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
)

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts_app.models import User
from accounts_app.preferences import Channel as Choice
from accounts_app.preferences import EmailStop
from notifications_app.action_texts import LABELS
from notifications_app.action_tokens import name_of
from notifications_app.channels import kept_mail_servers
from notifications_app.channels.channel import AttemptOutcome, ChannelUnavailableError, Target, Verdict
from notifications_app.channels.message import message_of
from notifications_app.local_words import local_words
from notifications_app.models import Delivery
from notifications_app.recipients import Recipient
from notifications_app.unsubscribing import unsubscribe_url
from tasks_app.models import Task

log = structlog.get_logger(__name__)

_LINKS = {name_of(action): label for action, label in LABELS.items()}
_ENHANCED_CODE = re.compile(rb"\b[245]\.\d{1,3}\.\d{1,3}\b")
# What SMTP answers (RFC 5321, 4.2.3), also noted for a provider.
_TAKEN = 250
# Of a provider's backend (django-anymail): no message to this address was taken, nor will be.
_REFUSED_BY_PROVIDER = {"rejected", "invalid"}


class Email:
    """Sends a delivery to the address of its user, if it is confirmed."""

    name = "email"
    choice = Choice.EMAIL

    def targets(self, users: Collection[Recipient | User]) -> list[Target]:
        """The users' addresses that get reminders."""
        return [Target(user.id, user.email) for user in users if user.email and user.email_gets_reminders]

    def origin(self, address: str) -> str:
        """All mails go to our own server, or provider."""
        return "email"

    def reaches(self, delivery: Delivery) -> bool:
        """Whether it is still an address of the user that gets reminders."""
        return delivery.user.email == delivery.target and delivery.user.email_gets_reminders

    def gone(self, delivery: Delivery) -> None:
        """Send no more reminders to the address, until its user confirms it or chooses the channel again."""
        user = User.objects.filter(pk=delivery.user_id, email=delivery.target, email_stopped=None)
        if user.update(email_stopped=EmailStop.REFUSED):
            log.warning("email_refused", user_id=str(delivery.user_id), delivery=delivery.pk)

    def send(self, delivery: Delivery) -> AttemptOutcome:
        """Send the mail once. Raises ChannelUnavailableError if the mail server takes none from us."""
        mail = _mail(delivery)
        try:
            kept_mail_servers.send(mail)
        except SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            return _outcome(code, "address", text)
        except SMTPDataError as error:
            return _outcome(error.smtp_code, "message", _bytes(error.smtp_error))
        except (SMTPAuthenticationError, SMTPNotSupportedError, SMTPSenderRefused) as error:
            raise ChannelUnavailableError(f"The mail server refuses us: {_name(error)}.") from error
        except (SMTPException, OSError) as error:
            return AttemptOutcome(
                verdict=Verdict.LATER, error=f"The mail server did not take the message: {_name(error)}."
            )
        except Exception:
            if not _is_refused_by_provider(mail):
                raise
            return AttemptOutcome(verdict=Verdict.GONE, error="The mail provider refuses this address.")
        return AttemptOutcome(verdict=Verdict.SENT, status=_TAKEN)


def _mail(delivery: Delivery) -> EmailMultiAlternatives:
    message, unsubscribe = message_of(delivery), unsubscribe_url(delivery.user)
    title = " ".join(message.title.split())  # in one line
    context = {
        "message": message,
        "due": _due(message.task, delivery.user.timezone) if message.task else "",
        "links": [(label, message.links[name]) for name, label in _LINKS.items() if name in message.links],
        "unsubscribe": unsubscribe,
    }
    mail = EmailMultiAlternatives(
        subject=f"Reminder: {title}" if message.task else title,
        body=render_to_string("notifications_app/mail.txt", context),
        to=[delivery.target],
        headers={
            # The same for each attempt, so that a mail that is sent twice can be shown once.
            "Message-ID": f"<{delivery.pk}.{delivery.event_id}@{_domain()}>",
            "Auto-Submitted": "auto-generated",  # RFC 3834: prevents "out of office" replies
            "List-Unsubscribe": f"<{unsubscribe}>",  # RFC 2369, and RFC 8058 for the next one
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    mail.attach_alternative(render_to_string("notifications_app/mail.html", context), "text/html")
    return mail


def _domain() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"


def _due(task: Task, timezone: str) -> str:
    """When the task is due, in words; empty if it is not."""
    if task.due_date is not None:
        return f"Due on {task.due_date:%A}, {task.due_date.day} {task.due_date:%B}."
    return f"Due on {local_words(task.due_at, timezone)} ({timezone})." if task.due_at else ""


def _outcome(code: int, what: str, text: bytes) -> AttemptOutcome:
    """What the server's answer to the address or the message means.

    A permanent one to the address is about the address, unless its enhanced code (RFC 3463) is of policy
    (X.7.X): then our server, or the sender, is not welcome there.
    """
    enhanced = match.group().decode() if (match := _ENHANCED_CODE.search(text)) else ""
    error = f"The mail server does not take this {what}: {code} {enhanced}".rstrip() + "."
    if code < 500:
        return AttemptOutcome(verdict=Verdict.LATER, error=error)
    is_of_address = what == "address" and not enhanced.startswith("5.7.")
    return AttemptOutcome(verdict=Verdict.GONE if is_of_address else Verdict.REFUSED, error=error)


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _name(error: Exception) -> str:
    """Without the server's text: some servers repeat the mail, which has links that need no sign-in."""
    code = getattr(error, "smtp_code", None) or getattr(error, "errno", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def _is_refused_by_provider(mail: EmailMultiAlternatives) -> bool:
    """Whether the provider refuses the address for good, as django-anymail notes it at the mail."""
    found: set[str] = getattr(getattr(mail, "anymail_status", None), "status", None) or set()
    return bool(found) and found <= _REFUSED_BY_PROVIDER


CHANNEL = Email()
