"""Personal API tokens: `todo_pat_` and 64 hexadecimal digits, sent in place of an access token.

Slow password hashes protect secrets that can be guessed. 256 random bits cannot, so a token is stored as its
SHA-256, which an index finds. Source: docs/decisions/0011-api-tokens.md.
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

# Secret scanners can find it, and no JSON web token begins with it.
PREFIX = "todo_pat_"
MAX_PER_USER = 50
# `last_used_at` is this precise: a write for each request would cost more than the field is worth.
USE_PRECISION = timedelta(minutes=1)
_WELL_FORMED = re.compile(re.escape(PREFIX) + "[0-9a-f]{64}")


class TooManyApiTokens(APIException):
    """409: this user has MAX_PER_USER tokens."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "too_many_api_tokens"
    default_detail = f"You have {MAX_PER_USER} API tokens, which is the maximum. Delete one first."


class NotByApiToken(BasePermission):
    """For what a person may do and a program may not: create API tokens, close the account."""

    message = "API tokens cannot be used here. Sign in with POST /api/auth/token and send the access token."
    code = "api_token_refused"

    def has_permission(self, request: Request, view: object) -> bool:
        return not isinstance(request.auth, ApiToken)


def create_api_token(
    user: User, *, name: str, scopes: list[str], expires_at: datetime | None
) -> tuple[ApiToken, str]:
    """Return the token and its secret, which is not stored.

    Raises TooManyApiTokens (409), and AuthenticationFailed (401) if the password changed after `user` was
    read: the token would outlast a change that was meant to lock others out.
    """
    # The lock makes concurrent requests count one after the other.
    rows = User.objects.select_for_update(no_key=True).filter(pk=user.pk, password=user.password)
    if not rows.exists():
        raise AuthenticationFailed("The password was changed during this request.", "password_changed")
    if user.api_tokens.count() >= MAX_PER_USER:
        raise TooManyApiTokens
    secret = PREFIX + token_hex(32)
    token = user.api_tokens.create(name=name, scopes=scopes, expires_at=expires_at, digest=_digest(secret))
    return token, secret


def authenticate_api_token(secret: str, *, method: str, also_reads: bool = False) -> ApiToken:
    """Return the token with its user, by one query.

    Raises AuthenticationFailed (401), and PermissionDenied (403) if its scopes do not cover the method.
    `also_reads`: whatever the method, the answer shows what only the scope `read` may see.
    """
    token = None
    if _WELL_FORMED.fullmatch(secret):
        token = ApiToken.objects.select_related("user").filter(digest=_digest(secret)).first()
    if token is None:
        detail = "This API token does not exist: it may be mistyped or deleted."
        raise AuthenticationFailed(detail, "api_token_not_found")
    if token.is_expired:
        raise AuthenticationFailed("This API token has expired. Create a new one.", "api_token_expired")
    if not token.user.is_active:
        raise AuthenticationFailed("This account is closed.", "user_inactive")
    needed = {ApiToken.Scope.READ if method in SAFE_METHODS else ApiToken.Scope.WRITE}
    if also_reads:
        needed.add(ApiToken.Scope.READ)
    if missing := needed.difference(token.scopes):
        detail = f"This API token does not have the scope `{min(missing)}`, which {method} requires."
        raise PermissionDenied(detail, "scope_missing")
    return token


class ApiTokenUseMiddleware:
    """Records the use of an API token after the response, so that a rollback does not undo it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        token = getattr(request, "api_token", None)
        if token is not None:
            record_use(token)
        return response


def record_use(token: ApiToken) -> None:
    """Set `last_used_at`. A database error is only logged: the request itself has succeeded."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at <= now - USE_PRECISION:
        outdated = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_PRECISION)
        try:
            ApiToken.objects.filter(outdated, pk=token.pk).update(last_used_at=now)
        except DatabaseError as error:
            log.warning("api_token_use_not_recorded", error=str(error))


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
