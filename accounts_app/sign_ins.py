"""Sign-ins: a refresh token works once, and using it again ends its sign-in.

All refresh tokens of one sign-in are a family (RFC 9700, 4.14.2). The row holds the number of the newest:
`jti` is the row's id and a number that each refresh increases by one. If an older token is used, two clients
have tokens of the sign-in, and both are signed out. The database contains no token.
Source: docs/decisions/0007-sign-ins.md.
"""

import re
from typing import Any, TypedDict, cast
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.utils import datetime_to_epoch

from accounts_app.claims import is_uuid, read_unverified
from accounts_app.models import SignIn, User
from accounts_app.tokens import Refresh

log = structlog.get_logger(__name__)

PURGE_BATCH = 5_000


class TokenPair(TypedDict):
    access: str
    refresh: str


class ReusedTokenError(TokenError):
    """A refresh token was used again. Raising it rolls back, so the caller ends the sign-in afterwards."""

    def __init__(self, sign_in: SignIn) -> None:
        super().__init__("This refresh token has already been used. Sign in again.")
        self.sign_in = sign_in


def sign_in(user: User) -> TokenPair:
    """Start a sign-in and return its first tokens. The caller has authenticated the user."""
    now = timezone.now()
    return _pair(
        SignIn.objects.create(
            user=user, refreshed_at=now, expires_at=now + api_settings.REFRESH_TOKEN_LIFETIME
        )
    )


def refresh(text: str) -> TokenPair:
    """Exchange a refresh token for new tokens.

    Concurrent requests with the same token all get the same new tokens: each that started before the token
    was used, or within REFRESH_RETRY of that, counts as a retry of one request.
    Raises TokenError, ReusedTokenError, and AuthenticationFailed if the user may no longer sign in.
    """
    started = timezone.now()
    token = _read(text)
    with transaction.atomic():
        row, generation = _lock(token)
        JWTAuthentication().get_user(cast(Any, token))
        if generation == row.generation:
            _advance(row)
        elif generation < row.generation - 1 or started >= row.refreshed_at + settings.REFRESH_RETRY:
            raise ReusedTokenError(row)
        return _pair(row)


def sign_out(text: str) -> None:
    """End the sign-in of this refresh token, used or not. Raises TokenError if there is none."""
    sign_in_id, _generation = _parse_jti(_read(text))
    deleted, _ = SignIn.objects.filter(pk=sign_in_id).delete()
    if not deleted:
        raise _ended()


def end_reused(row: SignIn) -> None:
    """End a sign-in of which two clients have tokens."""
    log.warning("refresh_token_reused", sign_in=str(row.pk), user_id=str(row.user_id))
    SignIn.objects.filter(pk=row.pk).delete()


def end_all(user: User) -> None:
    """End all sign-ins of the user."""
    SignIn.objects.filter(user=user).delete()


def purge_expired() -> int:
    """Delete sign-ins whose last refresh token has expired. Returns the number of rows."""
    expired = SignIn.objects.filter(expires_at__lte=timezone.now())
    # `expired` twice: a row that is being refreshed is looked at again when its lock is there.
    return expired.filter(pk__in=expired.values("pk")[:PURGE_BATCH]).delete()[0]


def _read(text: str) -> Refresh:
    """The verified token. Raises TokenError."""
    read_unverified(text)
    return Refresh(cast(Any, text))


def _parse_jti(token: Refresh) -> tuple[UUID, int]:
    """Return the id of the sign-in and the number. Raises TokenError for a token of an older release."""
    sign_in_id, _, generation = str(token["jti"]).partition(".")
    if not (is_uuid(sign_in_id) and re.fullmatch("[0-9]{1,9}", generation)):
        raise _ended()
    return UUID(sign_in_id), int(generation)


def _lock(token: Refresh) -> tuple[SignIn, int]:
    sign_in_id, generation = _parse_jti(token)
    rows = SignIn.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    row = rows.filter(pk=sign_in_id).first()
    if row is None:
        raise _ended()
    return row, generation


def _advance(row: SignIn) -> None:
    row.generation += 1
    row.refreshed_at = timezone.now()
    row.expires_at = row.refreshed_at + api_settings.REFRESH_TOKEN_LIFETIME
    row.save(update_fields=["generation", "refreshed_at", "expires_at"])


def _pair(row: SignIn) -> TokenPair:
    """The valid refresh token, computed from the row alone so that it is always the same; an access token."""
    token = Refresh.for_user(row.user)
    token["jti"] = f"{row.pk.hex}.{row.generation}"
    token["iat"] = datetime_to_epoch(row.refreshed_at)
    token["exp"] = datetime_to_epoch(row.expires_at)
    return {"access": str(token.access_token), "refresh": str(token)}


def _ended() -> TokenError:
    return TokenError("This sign-in has ended. Sign in again.")
