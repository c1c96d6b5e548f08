"""Links that stop the reminders by email, without sign-in. Source: RFC 8058, one-click unsubscribe.

A token is for one user and one address. It does not expire: a mail may be years old.
"""

from uuid import UUID

import structlog
from django.conf import settings
from django.core.signing import BadSignature, Signer

from accounts_app.models import User
from accounts_app.preferences import EmailStop

log = structlog.get_logger(__name__)


class InvalidUnsubscribeTokenError(Exception):
    """The token was not made here, was changed, or is for an address that no account has."""


def unsubscribe_url(user: User) -> str:
    """The absolute link, below PUBLIC_URL."""
    return f"{settings.PUBLIC_URL}/u/{token_of(user)}"


def token_of(user: User) -> str:
    """`<user id>.<signature>`; the signature covers the address."""
    return _signer(user).sign(str(user.pk))


def user_of(token: str) -> User:
    """The user whose address the token is for. Raises InvalidUnsubscribeTokenError."""
    try:
        user = User.objects.filter(pk=UUID(token.partition(".")[0]), email__isnull=False).first()
        if user is None:
            raise InvalidUnsubscribeTokenError
        _signer(user).unsign(token)
    except (ValueError, BadSignature) as error:
        raise InvalidUnsubscribeTokenError from error
    return user


def unsubscribe(user: User) -> None:
    """Send no more reminders to the address. Again: no change."""
    user.email_stopped = EmailStop.UNSUBSCRIBED
    User.objects.filter(pk=user.pk, email=user.email).update(email_stopped=user.email_stopped)
    log.info("email_unsubscribed", user_id=str(user.pk))


def _signer(user: User) -> Signer:
    return Signer(sep=".", salt=f"notifications_app.unsubscribing:{user.email}")
