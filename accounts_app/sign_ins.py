"""Sign-ins: a refresh token is good once, and one that was spent ends the sign-in it belongs to.

All refresh tokens that come of one sign-in are one family (RFC 9700, 4.14.2), and its row knows the newest:
`jti` is the row's id and a number that grows by one with each refresh. A token with an older number is in the
hands of two: whoever has the newest is signed out too. Nothing that could be used is kept in the database.
Source: docs/decisions/0007-sign-ins.md.
"""

from typing import Any, TypedDict, cast
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import datetime_to_epoch

from accounts_app.models import SignIn, User

log = structlog.get_logger(__name__)

PURGE_BATCH = 5_000


class TokenPair(TypedDict):
    access: str
    refresh: str


class ReusedTokenError(TokenError):
    """A refresh token came that had been spent. The sign-in is to be ended, which its raising undoes."""

    def __init__(self, sign_in: SignIn) -> None:
        super().__init__("This refresh token was used before; sign in again.")
        self.sign_in = sign_in


def sign_in(user: User) -> TokenPair:
    """The first tokens of a new sign-in. The caller has made sure who it is."""
    now = timezone.now()
    return _pair(
        SignIn.objects.create(
            user=user, refreshed_at=now, expires_at=now + api_settings.REFRESH_TOKEN_LIFETIME
        )
    )


def refresh(text: str) -> TokenPair:
    """New tokens for a refresh token, which is spent by this.

    Of requests with one token at the same moment, all get the one successor: each that began before the
    token was spent, or within REFRESH_RETRY of it, is taken for the same request, sent again.
    Raises TokenError, ReusedTokenError, and AuthenticationFailed when the user may not sign in any more.
    """
    started = timezone.now()
    token = _read(text)
    with transaction.atomic():
        row, generation = _locked(token)
        JWTAuthentication().get_user(cast(Any, token))
        if generation == row.generation:
            _advance(row)
        elif generation < row.generation - 1 or started >= row.refreshed_at + settings.REFRESH_RETRY:
            raise ReusedTokenError(row)
        return _pair(row)


def sign_out(text: str) -> None:
    """End the sign-in that this refresh token, spent or not, came of. Raises TokenError for none."""
    sign_in_id, _generation = _names(_read(text))
    gone, _ = SignIn.objects.filter(pk=sign_in_id).delete()
    if not gone:
        raise _signed_out()


def end_reused(row: SignIn) -> None:
    """Sign out whoever holds a token of this sign-in: there are two of them."""
    log.warning("refresh_token_reused", sign_in=str(row.pk), user_id=str(row.user_id))
    SignIn.objects.filter(pk=row.pk).delete()


def end_all(user: User) -> None:
    """No refresh token of this person's is good any more."""
    SignIn.objects.filter(user=user).delete()


def purge_expired() -> int:
    """Forget sign-ins whose last refresh token has expired; how many."""
    expired = SignIn.objects.filter(expires_at__lte=timezone.now())
    return SignIn.objects.filter(pk__in=expired.values("pk")[:PURGE_BATCH]).delete()[0]


def _read(text: str) -> RefreshToken:
    return RefreshToken(cast(Any, text))


def _names(token: RefreshToken) -> tuple[UUID, int]:
    """The sign-in and the number. Raises TokenError for a token that an older release made."""
    sign_in_id, _, generation = str(token["jti"]).partition(".")
    if not generation:
        raise _signed_out()
    return UUID(sign_in_id), int(generation)


def _locked(token: RefreshToken) -> tuple[SignIn, int]:
    sign_in_id, generation = _names(token)
    rows = SignIn.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    row = rows.filter(pk=sign_in_id).first()
    if row is None:
        raise _signed_out()
    return row, generation


def _advance(row: SignIn) -> None:
    row.generation += 1
    row.refreshed_at = timezone.now()
    row.expires_at = row.refreshed_at + api_settings.REFRESH_TOKEN_LIFETIME
    row.save(update_fields=["generation", "refreshed_at", "expires_at"])


def _pair(row: SignIn) -> TokenPair:
    """The refresh token that is good now: made of the row alone, so always the same; and an access token."""
    token = RefreshToken.for_user(row.user)
    token["jti"] = f"{row.pk.hex}.{row.generation}"
    token["iat"] = datetime_to_epoch(row.refreshed_at)
    token["exp"] = datetime_to_epoch(row.expires_at)
    return {"access": str(token.access_token), "refresh": str(token)}


def _signed_out() -> TokenError:
    return TokenError("This sign-in has ended; sign in again.")
