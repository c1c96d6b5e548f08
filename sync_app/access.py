"""Who may have a stream, and for how long: as long as the token is good that it was opened with."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

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
    """A token that was good when the stream was opened. `ends_at`: None for an API token without an end."""

    user_id: UUID
    ends_at: datetime | None
    api_token_id: int | None
    password_mark: str


def grant_of(user: User, auth: Any) -> Grant:
    """What `request.user` and `request.auth` are good for."""
    return Grant(
        user_id=user.pk,
        ends_at=_end(auth),
        api_token_id=auth.pk if isinstance(auth, ApiToken) else None,
        password_mark=_mark(user.password),
    )


def grant_by_header(authorization: str) -> Grant:
    """The grant of an `Authorization` header, by one of the three kinds of token.

    Raises what BearerAuthentication raises, NotAuthenticated (401) for an empty one.
    """
    http = HttpRequest()
    http.method = "GET"
    http.META["HTTP_AUTHORIZATION"] = authorization
    found = BearerAuthentication().authenticate(Request(http))
    if found is None:
        raise NotAuthenticated
    user, auth = found
    if isinstance(auth, ApiToken):
        record_use(auth)
    return grant_of(user, auth)


def still_good(grants: Collection[Grant]) -> set[Grant]:
    """Those whose account, password and API token are as they were, and whose time is not over. One query."""
    tokens = {grant.api_token_id for grant in grants if grant.api_token_id}
    users = User.objects.filter(pk__in={grant.user_id for grant in grants}, is_active=True)
    rows = users.annotate(tokens=ArrayAgg("api_tokens", filter=Q(api_tokens__in=tokens), default=[]))
    there = {pk: (_mark(password), set(ids)) for pk, password, ids in _values(rows)}
    return {grant for grant in grants if _is_good(grant, there.get(grant.user_id))}


def _end(auth: Any) -> datetime | None:
    if isinstance(auth, ApiToken):
        return auth.expires_at
    if auth is None:  # somebody who is signed in otherwise, as tests are
        lifetime: timedelta = api_settings.ACCESS_TOKEN_LIFETIME
        return timezone.now() + lifetime
    return datetime.fromtimestamp(auth["exp"], UTC)


def _values(rows: Any) -> Any:
    return rows.values_list("pk", "password", "tokens")


def _is_good(grant: Grant, row: tuple[str, set[int]] | None) -> bool:
    if row is None or (grant.ends_at is not None and grant.ends_at <= timezone.now()):
        return False
    mark, api_tokens = row
    return mark == grant.password_mark and (grant.api_token_id is None or grant.api_token_id in api_tokens)


def _mark(password: str) -> str:
    """Tells whether the password is another since."""
    return salted_hmac("sync_app.Grant", password, algorithm="sha256").hexdigest()[:32]
