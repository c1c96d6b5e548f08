"""The text of each mail. The tokens in it are made here and stored nowhere."""

from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator

from accounts_app import email_confirmation
from accounts_app.models import DueMail, User

CONFIRMATION = """\
Someone, hopefully you, opened an account with this email address.

{instructions}

This works for {days} days. If it was not you, ignore this mail: the address stays unconfirmed.
"""
RESET = """\
Someone, hopefully you, requested a new password for the account with this email address.

{instructions}

This works once, for {minutes} minutes. If it was not you, ignore this mail: your password stays the same.
"""
CHANGED = """\
The password of the account with this email address has just been changed. Everyone who had signed in with
the old password has been signed out.

If it was not you, request a new password at once, which signs out the other person.
"""


@dataclass(frozen=True)
class MailText:
    subject: str
    body: str


def text_of(kind: DueMail.Kind, user: User) -> MailText | None:
    """The mail for this user, or None if there is no longer a reason to send it."""
    match kind:
        case DueMail.Kind.EMAIL_CONFIRMATION:
            return None if user.email_confirmed else _confirmation(user)
        case DueMail.Kind.PASSWORD_RESET:
            return _reset(user) if user.has_usable_password() else None
        case DueMail.Kind.PASSWORD_CHANGED:
            return MailText("Your password was changed", CHANGED)


def _confirmation(user: User) -> MailText:
    instructions = _instructions(settings.EMAIL_CONFIRM_URL, token=email_confirmation.make_token(user))
    body = CONFIRMATION.format(instructions=instructions, days=email_confirmation.LIFETIME.days)
    return MailText("Confirm your email address", body)


def _reset(user: User) -> MailText:
    token = default_token_generator.make_token(user)
    instructions = _instructions(settings.PASSWORD_RESET_URL, uid=str(user.pk), token=token)
    body = RESET.format(instructions=instructions, minutes=settings.PASSWORD_RESET_TIMEOUT // 60)
    return MailText("Choose a new password", body)


def _instructions(url: str, **values: str) -> str:
    """A link to the client's page, or without one the values to enter there."""
    if not url:
        return "\n".join(["Your code:", *(f"  {name}: {value}" for name, value in values.items())])
    for name, value in values.items():
        url = url.replace(f"{{{name}}}", quote(value, safe=""))
    return f"Follow this link:\n  {url}"
