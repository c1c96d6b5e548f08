"""Users with a token of an outside identity provider (OpenID Connect Core 1.0; Better Auth).

Settings AUTH_JWT_ISSUER and AUTH_JWT_AUDIENCE, and one of AUTH_JWT_SECRET (HS256) and AUTH_JWKS_URL.
A user is identified by issuer and subject; the first request opens the account.
Source: docs/decisions/0012-outside-identities.md.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import jwt
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import AuthenticationFailed

from accounts_app.claims import Claims
from accounts_app.email_addresses import check_reachable
from accounts_app.models import ErasedIdentity, OutsideIdentity, User, UserManager
from accounts_app.provider_keys import provider_keys
from recurrence.rules import RuleError, zone

# Only algorithms with public keys: a key of the JWKS must never be used as the secret of an HMAC.
_PUBLIC_KEY_ALGORITHMS = ["EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256"]
_LEEWAY = timedelta(seconds=10)
_MAX_SUBJECT = 255
# Otherwise a browser tab that is still open would open a new account right after the old one was erased.
PAUSE_AFTER_ERASURE = timedelta(hours=24)


def is_issuer_of(claims: Claims) -> bool:
    """Whether these claims of a token, not yet verified, name the provider as its issuer.

    Raises AuthenticationFailed (401) if only a slash at the end differs: a common mistake of a configuration.
    """
    if not settings.AUTH_JWT_ISSUER:
        return False
    issuer, expected = claims.get("iss"), settings.AUTH_JWT_ISSUER
    if isinstance(issuer, str) and issuer != expected and issuer.rstrip("/") == expected.rstrip("/"):
        detail = (
            f"The issuer of this token does not match: it is {issuer!r}, and this server accepts"
            f" {expected!r}. They must be equal, also in the slash at the end."
        )
        raise AuthenticationFailed(detail, "token_not_valid")
    return bool(issuer == expected)


def verified_claims(token: str) -> Claims:
    """Verify the token and return its claims. Raises AuthenticationFailed, ProviderUnavailable."""
    try:
        key, algorithms = _key_for(token)
        claims: Claims = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=settings.AUTH_JWT_AUDIENCE,
            issuer=settings.AUTH_JWT_ISSUER,
            leeway=_LEEWAY,
            options={"require": ["exp", "sub", "iss", "aud"]},
        )
        _check_subject(claims["sub"])
    except jwt.PyJWTError as error:
        detail = (
            f"This token of the identity provider is not valid: {error}. Get a new one from the provider."
        )
        raise AuthenticationFailed(detail, "token_not_valid") from error
    return claims


def get_or_create_user(claims: Claims, *, time_zone: str | None) -> User:
    """The user of the token. A new one gets the zone of the claim `zoneinfo`, else `time_zone`, else UTC.

    Zones that do not exist are ignored. Raises AuthenticationFailed (401).
    """
    user = _find_user(claims) or _create_user(claims, _first_zone(claims.get("zoneinfo"), time_zone))
    if not user.is_active:
        raise AuthenticationFailed("This account is closed.", "user_inactive")
    return user


def remember_erasure(user: User) -> None:
    """Prevent the tokens of an erased user from opening a new account for PAUSE_AFTER_ERASURE."""
    ErasedIdentity.objects.filter(erased_at__lte=timezone.now() - PAUSE_AFTER_ERASURE).delete()
    for identity in user.outside_identities.all():
        digest = _erased_digest(identity.issuer, identity.subject, settings.SECRET_KEY)
        ErasedIdentity.objects.update_or_create(digest=digest, defaults={"erased_at": timezone.now()})


def _key_for(token: str) -> tuple[Any, list[str]]:
    if settings.AUTH_JWT_SECRET:
        return settings.AUTH_JWT_SECRET, ["HS256"]
    key = provider_keys(settings.AUTH_JWKS_URL).key(jwt.get_unverified_header(token).get("kid"))
    if key is None:
        raise jwt.InvalidKeyError("the provider has no key with this kid")
    return key, _PUBLIC_KEY_ALGORITHMS


def _check_subject(subject: str) -> None:
    # isprintable excludes NUL and unpaired surrogates, which PostgreSQL cannot store.
    if not (0 < len(subject) <= _MAX_SUBJECT and subject.isprintable()):
        raise jwt.InvalidTokenError(f"sub must have 1 to {_MAX_SUBJECT} printable characters")


def _find_user(claims: Claims) -> User | None:
    identities = OutsideIdentity.objects.select_related("user")
    identity = identities.filter(issuer=claims["iss"], subject=claims["sub"]).first()
    return identity.user if identity else None


def _create_user(claims: Claims, time_zone: str | None) -> User:
    _check_not_just_erased(claims)
    # Of two concurrent first requests, the second waits at a unique index and then finds the user.
    for email in (_confirmed_email(claims), None):
        try:
            with transaction.atomic():
                user = _user_for(email, time_zone)
                user.outside_identities.create(issuer=claims["iss"], subject=claims["sub"])
                return user
        except IntegrityError:
            if found := _find_user(claims):
                return found
    raise AuthenticationFailed("Another request is opening this account. Try again.", "opened_meanwhile")


def _check_not_just_erased(claims: Claims) -> None:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    digests = [_erased_digest(claims["iss"], claims["sub"], key) for key in keys]
    erased = ErasedIdentity.objects.filter(digest__in=digests).order_by("erased_at").last()
    if erased and timezone.now() < (opens_at := erased.erased_at + PAUSE_AFTER_ERASURE):
        detail = f"This account was erased. A new one can be opened after {opens_at:%Y-%m-%d %H:%M} UTC."
        raise AuthenticationFailed(detail, "account_erased")


def _confirmed_email(claims: Claims) -> str | None:
    """The address, if the provider has confirmed it.

    The claim is `email_verified` in OpenID Connect and `emailVerified` in Better Auth.
    """
    email = claims.get("email")
    is_confirmed = claims.get("email_verified", claims.get("emailVerified")) is True
    if not (is_confirmed and isinstance(email, str) and len(email) <= 254):
        return None
    try:
        validate_email(email)
        check_reachable(email)
    except ValidationError:
        return None
    return UserManager.normalize_email(email)


def _first_zone(*names: Any) -> str | None:
    for name in names:
        if isinstance(name, str):
            with suppress(RuleError):
                return str(zone(name))
    return None


def _user_for(email: str | None, time_zone: str | None) -> User:
    """The user who has confirmed the same address, or a new user, without the address if it is taken.

    Operators are never linked this way, only by hand in the admin.
    """
    new: dict[str, Any] = {"timezone": time_zone or "UTC", "timezone_is_default": time_zone is None}
    if email is None:
        return User.objects.create_user(None, **new)
    existing = User.objects.with_email(email).first()
    if existing is None:
        return User.objects.create_user(email, email_confirmed=True, **new)
    is_same_person = existing.email_confirmed and existing.is_active and not existing.is_staff
    return existing if is_same_person else User.objects.create_user(None, **new)


def _erased_digest(issuer: str, subject: str, key: str) -> str:
    text = f"{issuer}\0{subject}"
    return salted_hmac("accounts_app.ErasedIdentity", text, secret=key, algorithm="sha256").hexdigest()
