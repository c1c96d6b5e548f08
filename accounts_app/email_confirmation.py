"""That a person reads the mail of an address: shown by a signed token that was mailed there.

The signature covers the address: a token is void as soon as the account has another one. It works until it
expires; that it comes twice changes nothing, since what it says is still true.
"""

from datetime import timedelta
from uuid import UUID

from django.core.signing import BadSignature, TimestampSigner
from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts_app.models import User

LASTS = timedelta(days=3)


def make_token(user: User) -> str:
    """`<user id>:<time>:<signature>`."""
    return _signer(user).sign(str(user.pk))


def confirm(token: str) -> User:
    """The address is the person's. Raises ValidationError (400) for a token that is none, or void now."""
    user = _user_named(token)
    try:
        if user is None:
            raise BadSignature
        _signer(user).unsign(token, max_age=LASTS)
    except BadSignature:
        detail = "This token is not whole, too old, or of another address: ask for a new mail."
        raise ValidationError({"token": [ErrorDetail(detail, "invalid_token")]}) from None
    User.objects.filter(pk=user.pk, email=user.email).update(email_confirmed=True)
    return user


def _user_named(token: str) -> User | None:
    try:
        user_id = UUID(token.partition(":")[0])
    except ValueError:
        return None
    return User.objects.filter(pk=user_id, is_active=True, email__isnull=False).first()


def _signer(user: User) -> TimestampSigner:
    return TimestampSigner(salt=f"accounts_app.email_confirmation:{user.email}")
