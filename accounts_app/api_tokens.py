"""Personal API tokens: `todo_pat_` and 64 hexadecimal digits, in the place of an access token.

256 random bits need no slow hash: that is for secrets that can be guessed. SHA-256 is found by its index.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_hex

import structlog
from django.db import DatabaseError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts_app.models import ApiToken, User

log = structlog.get_logger(__name__)

# Secret scanners find it, and no JSON web token begins like this.
PREFIX = "todo_pat_"
MAX_PER_USER = 50
# `last_used_at` is right to this: a write for each request would cost more than it tells.
USE_PRECISION = timedelta(minutes=1)
_WELL_FORMED = re.compile(re.escape(PREFIX) + "[0-9a-f]{64}")


class TooManyApiTokens(APIException):
    """409: there are MAX_PER_USER of this person."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "too_many_api_tokens"
    default_detail = f"You have {MAX_PER_USER} API tokens: delete one first."


class NotByApiToken(BasePermission):
    """For what only the person may do, not a program: a token must not make tokens or close the account."""

    message = "An API token cannot do this: sign in (POST /api/auth/token) and send the access token."
    code = "api_token_refused"

    def has_permission(self, request: Request, view: object) -> bool:
        return not isinstance(request.auth, ApiToken)


def create_api_token(
    user: User, *, name: str, scopes: list[str], expires_at: datetime | None
) -> tuple[ApiToken, str]:
    """The token and its secret, which nobody sees again.

    Raises TooManyApiTokens (409), and AuthenticationFailed (401) when the password is another since `user`
    was read: the token would outlast what was to end it.
    """
    # Of two at once the second counts the first.
    rows = User.objects.select_for_update(no_key=True).filter(pk=user.pk, password=user.password)
    if not rows.exists():
        raise AuthenticationFailed("The password was changed at this very moment.", "password_changed")
    if user.api_tokens.count() >= MAX_PER_USER:
        raise TooManyApiTokens
    secret = PREFIX + token_hex(32)
    token = user.api_tokens.create(name=name, scopes=scopes, expires_at=expires_at, digest=_digest(secret))
    return token, secret


def api_token_of(secret: str, *, method: str) -> ApiToken:
    """The token with its user, in one query. Raises AuthenticationFailed (401) or PermissionDenied (403)."""
    token = _find(secret)
    if token is None:
        detail = "There is no such API token: it is mistyped, or was deleted."
        raise AuthenticationFailed(detail, "api_token_not_found")
    if token.is_expired:
        raise AuthenticationFailed(
            "This API token is past its expires_at: make a new one.", "api_token_expired"
        )
    if not token.user.is_active:
        raise AuthenticationFailed("This account is closed.", "user_inactive")
    scope = ApiToken.Scope.READ if method in SAFE_METHODS else ApiToken.Scope.WRITE
    if scope not in token.scopes:
        detail = f"This API token lacks the scope `{scope}`, which {method} takes."
        raise PermissionDenied(detail, "scope_missing")
    return token


class ApiTokenUseMiddleware:
    """Notes when the request's API token was used: after the answer, so that no rollback takes it back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        token = getattr(request, "api_token", None)
        if token is not None:
            note_use(token)
        return response


def note_use(token: ApiToken) -> None:
    """Set `last_used_at`. Without the database that is only logged: what the token was for is done."""
    at = timezone.now()
    if token.last_used_at is None or token.last_used_at <= at - USE_PRECISION:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=at - USE_PRECISION)
        try:
            ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=at)
        except DatabaseError as error:
            log.warning("api_token_use_not_noted", error=str(error))


def _find(secret: str) -> ApiToken | None:
    if not _WELL_FORMED.fullmatch(secret):
        return None
    return ApiToken.objects.select_related("user").filter(digest=_digest(secret)).first()


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
