"""Confirm an email address with a signed token that was sent to it.

The signature covers the address, so a token becomes invalid when the account gets another address. It works
until it expires. Using it twice is harmless: the address is still confirmed.
"""

from datetime import timedelta
from uuid import UUID

from django.core.signing import BadSignature, TimestampSigner
from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts_app.models import User

LIFETIME = timedelta(days=3)


def make_token(user: User) -> str:
    """Return `<user id>:<time>:<signature>`."""
    return _signer(user).sign(str(user.pk))


def confirm(token: str) -> User:
    """Mark the address as confirmed. Raises ValidationError (400) for an invalid or expired token."""
    user = _user_named_in(token)
    try:
        if user is None:
            raise BadSignature
        _signer(user).unsign(token, max_age=LIFETIME)
    except BadSignature:
        detail = "This token is invalid, expired or for another address. Request a new email."
        raise ValidationError({"token": [ErrorDetail(detail, "invalid_token")]}) from None
    User.objects.filter(pk=user.pk, email=user.email).update(email_confirmed=True, email_stopped=None)
    return user


def _user_named_in(token: str) -> User | None:
    try:
        user_id = UUID(token.partition(":")[0])
    except ValueError:
        return None
    return User.objects.filter(pk=user_id, is_active=True, email__isnull=False).first()


def _signer(user: User) -> TimestampSigner:
    return TimestampSigner(salt=f"accounts_app.email_confirmation:{user.email}")
