"""Mails: the request writes a row in its transaction, and a tick sends the mail soon after.

So no request waits for a mail server or needs Redis. The row holds no secret: the token in a mail is made
when the mail is sent, and stored nowhere. Source: docs/decisions/0008-mails.md.
"""

import smtplib
from datetime import datetime, timedelta
from time import monotonic

import structlog
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts_app.mail_texts import text_of
from accounts_app.models import DueMail, User
from database.questions import Question
from events_app import queues

log = structlog.get_logger(__name__)

# 1, 2, 4 ... 64 min, about two hours in total. After that people have asked again or given up.
MAX_ATTEMPTS = 8
FIRST_RETRY = timedelta(minutes=1)
# Repeated requests must not fill a mailbox.
SPACING = timedelta(minutes=1)
KEPT = timedelta(days=1)
PURGE_BATCH = 1_000
# The same worker sends deliveries, which must not wait for long.
SECONDS_PER_CALL = 20.0


def request_mail(kind: DueMail.Kind, address: str) -> None:
    """Schedule the mail unless one is already waiting. Does the same whether or not the address is known."""
    address = address.lower()
    with transaction.atomic():
        mails = DueMail.objects.select_for_update(no_key=True)
        mail, is_new = mails.get_or_create(kind=kind, address=address)
        if not is_new and mail.handled_at is not None:
            mail.requested_at = timezone.now()
            mail.next_attempt_at = max(mail.requested_at, min(mail.handled_at, mail.requested_at) + SPACING)
            mail.attempts, mail.handled_at, mail.error = 0, None, ""
            mail.save()


@Question
def has_due(now: datetime) -> QuerySet[DueMail]:
    """Whether `send_due_mails` has something to send."""
    return DueMail.objects.filter(queues.due(now, longest=_longest_wait()))


def send_due_mails() -> int:
    """Send the due mails one after the other. Returns the number that were sent."""
    deadline = monotonic() + SECONDS_PER_CALL
    sent = 0
    while monotonic() < deadline and (mail := lease_next()):
        sent += _send(mail)
    return sent


def purge_handled() -> int:
    """Delete rows that were handled more than KEPT ago. Returns the number of rows."""
    old = DueMail.objects.filter(handled_at__lt=timezone.now() - KEPT)
    return queues.purge(old, batch=PURGE_BATCH)


def backoff(attempts: int) -> timedelta:
    """The time to wait after this many attempts."""
    return queues.backoff(attempts, first=FIRST_RETRY)


def _longest_wait() -> timedelta:
    return max(backoff(MAX_ATTEMPTS), SPACING)


def lease_next() -> DueMail | None:
    """Record the attempt before it is made: if this process dies, the mail becomes due again."""
    with transaction.atomic():
        now = timezone.now()
        mail = queues.lock_due(DueMail.objects.all(), now, longest=_longest_wait()).first()
        if mail is not None:
            attempts = mail.attempts + 1
            queues.lease(mail, until=now + backoff(attempts), attempts=attempts)
        return mail


def _send(mail: DueMail) -> bool:
    message = _message(mail)
    try:
        if message is not None:
            message.send()
    except Exception as error:  # any failure of a mail server; the next mail may succeed
        _failed(mail, error)
        return False
    _finish(mail)
    log.info("mail_sent" if message else "mail_not_needed", mail=mail.pk, kind=mail.kind)
    return message is not None


def _message(mail: DueMail) -> EmailMessage | None:
    """The mail as the account is now, or None if nothing has to be sent."""
    user = User.objects.with_email(mail.address).filter(is_active=True).first()
    text = user and text_of(DueMail.Kind(mail.kind), user)
    if not user or not text:
        return None
    # Sent to the address as stored in the account, never as typed in the request for the mail.
    headers = {"Auto-Submitted": "auto-generated"}  # RFC 3834: prevents "out of office" replies
    return EmailMessage(text.subject, text.body, to=[str(user.email)], headers=headers)


def _failed(mail: DueMail, error: Exception) -> None:
    given_up = mail.attempts >= MAX_ATTEMPTS or _is_final(error)
    reason = _reason(error)
    log.warning("mail_failed", mail=mail.pk, kind=mail.kind, error=reason, given_up=given_up)
    if given_up:
        _finish(mail, error=reason)
    else:
        DueMail.objects.filter(pk=mail.pk).update(error=reason)


def _finish(mail: DueMail, error: str = "") -> None:
    leased = DueMail.objects.filter(pk=mail.pk, attempts=mail.attempts, handled_at=None)
    leased.update(handled_at=timezone.now(), next_attempt_at=None, error=error)


def _is_final(error: Exception) -> bool:
    """Whether the server permanently refused the address."""
    if not isinstance(error, smtplib.SMTPRecipientsRefused):
        return False
    return all(code >= 500 for code, _text in error.recipients.values())


def _reason(error: Exception) -> str:
    """The error without the server's text: some servers repeat the mail, which contains the token."""
    code = getattr(error, "smtp_code", None) or getattr(error, "errno", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__
