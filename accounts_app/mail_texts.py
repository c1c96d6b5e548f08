"""What the mails say, and the tokens in them, which are made here and kept nowhere."""

from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator

from accounts_app import email_confirmation
from accounts_app.models import DueMail, User

CONFIRMATION = """\
Somebody, hopefully you, opened an account with this e-mail address.

{way}

This works for {days} days. If it was not you, do nothing: the address stays unconfirmed.
"""
RESET = """\
Somebody, hopefully you, asked for a new password for the account of this e-mail address.

{way}

This works once, for {minutes} minutes. If it was not you, do nothing: your password stays as it is.
"""
CHANGED = """\
The password of the account of this e-mail address was changed just now, and everybody who was signed in
with the old one has been signed out.

If it was not you, ask for a new password at once: whoever it was is signed out by that.
"""


@dataclass(frozen=True)
class MailText:
    subject: str
    body: str


def text_of(kind: DueMail.Kind, user: User) -> MailText | None:
    """The mail for this person; None when there is nothing (any more) to tell."""
    match kind:
        case DueMail.Kind.EMAIL_CONFIRMATION:
            return None if user.email_confirmed else _confirmation(user)
        case DueMail.Kind.PASSWORD_RESET:
            return _reset(user) if user.has_usable_password() else None
        case DueMail.Kind.PASSWORD_CHANGED:
            return MailText("Your password was changed", CHANGED)


def _confirmation(user: User) -> MailText:
    way = _way(settings.EMAIL_CONFIRM_URL, token=email_confirmation.make_token(user))
    body = CONFIRMATION.format(way=way, days=email_confirmation.LASTS.days)
    return MailText("Confirm your e-mail address", body)


def _reset(user: User) -> MailText:
    token = default_token_generator.make_token(user)
    way = _way(settings.PASSWORD_RESET_URL, uid=str(user.pk), token=token)
    return MailText(
        "Choose a new password", RESET.format(way=way, minutes=settings.PASSWORD_RESET_TIMEOUT // 60)
    )


def _way(url: str, **values: str) -> str:
    """The link to the client's page; without one, what to type into it."""
    if not url:
        return "\n".join(["Your code:", *(f"  {name}: {value}" for name, value in values.items())])
    for name, value in values.items():
        url = url.replace(f"{{{name}}}", quote(value, safe=""))
    return f"Follow this link:\n  {url}"
