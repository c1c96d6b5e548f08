"""Authentication of streams: a stream ends when the token it was opened with expires or is revoked."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework_simplejwt.settings import api_settings

from accounts_app.api_tokens import record_use
from accounts_app.authentication import BearerAuthentication
from accounts_app.models import ApiToken, User


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A token that was valid when the stream was opened. `ends_at` is None if it does not expire."""

    user_id: UUID
    ends_at: datetime | None
    api_token_id: int | None
    password_digest: str


def grant_of(user: User, auth: Any) -> Grant:
    """The grant of an authenticated request, by `request.user` and `request.auth`."""
    return Grant(
        user_id=user.pk,
        ends_at=_end(auth),
        api_token_id=auth.pk if isinstance(auth, ApiToken) else None,
        password_digest=_password_digest(user.password, settings.SECRET_KEY),
    )


def grant_by_header(authorization: str) -> Grant:
    """The grant of an `Authorization` header, for as long as its token is valid; raises as `by_header`."""
    return grant_of(*by_header(authorization))


def by_header(authorization: str) -> tuple[User, Any]:
    """The user and the token of an `Authorization` header with any of the three kinds of token.

    Raises NotAuthenticated (401) without a token, and what BearerAuthentication raises (401, 403).
    """
    http = HttpRequest()
    http.method = "GET"
    http.META["HTTP_AUTHORIZATION"] = authorization
    authenticated = BearerAuthentication().authenticate(Request(http))
    if authenticated is None:
        raise NotAuthenticated
    user, auth = authenticated
    if isinstance(auth, ApiToken):
        record_use(auth)
    return user, auth


def valid_grants(grants: Collection[Grant]) -> set[Grant]:
    """The grants that have not expired and whose account, password and API token are unchanged. One query."""
    tokens = {grant.api_token_id for grant in grants if grant.api_token_id}
    users: Any = User.objects.filter(pk__in={grant.user_id for grant in grants}, is_active=True)
    rows = users.annotate(tokens=ArrayAgg("api_tokens", filter=Q(api_tokens__in=tokens), default=[]))
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    current = {
        pk: ({_password_digest(password, key) for key in keys}, set(ids))
        for pk, password, ids in rows.values_list("pk", "password", "tokens")
    }
    return {grant for grant in grants if _is_valid(grant, current.get(grant.user_id))}


def _end(auth: Any) -> datetime | None:
    if isinstance(auth, ApiToken):
        return auth.expires_at
    if auth is None:  # signed in by another method, such as a test client's
        lifetime: timedelta = api_settings.ACCESS_TOKEN_LIFETIME
        return timezone.now() + lifetime
    return datetime.fromtimestamp(auth["exp"], UTC)


def _is_valid(grant: Grant, row: tuple[set[str], set[int]] | None) -> bool:
    if row is None or (grant.ends_at is not None and grant.ends_at <= timezone.now()):
        return False
    digests, api_tokens = row
    has_token = grant.api_token_id is None or grant.api_token_id in api_tokens
    return grant.password_digest in digests and has_token


def _password_digest(password: str, key: str) -> str:
    """Changes when the password does."""
    return salted_hmac("sync_app.Grant", password, secret=key, algorithm="sha256").hexdigest()[:32]
