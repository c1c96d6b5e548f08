"""People who come with a token of an outside identity provider (OpenID Connect Core 1.0; Better Auth).

Settings AUTH_JWT_ISSUER and AUTH_JWT_AUDIENCE, and one of AUTH_JWT_SECRET (HS256) and AUTH_JWKS_URL.
A person is (issuer, subject): the account is opened at the first sight of it.
"""

from collections.abc import Mapping
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

from accounts_app.models import ErasedIdentity, OutsideIdentity, User, UserManager
from accounts_app.provider_keys import provider_keys

Claims = Mapping[str, Any]

# Of public keys only: a key of the JWKS must never be taken for the secret of an HMAC.
_PUBLIC_KEY_ALGORITHMS = ["EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256"]
_LEEWAY = timedelta(seconds=10)
_MAX_SUBJECT = 255
# A page that is still open would otherwise open a new account a minute after the old one was erased.
PAUSE_AFTER_ERASURE = timedelta(hours=24)


def is_meant(token: str) -> bool:
    """Whether this token says that it comes from the provider; nothing of it is verified yet."""
    if not settings.AUTH_JWT_ISSUER:
        return False
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return False
    return bool(claims.get("iss") == settings.AUTH_JWT_ISSUER)


def verified_claims(token: str) -> Claims:
    """What the provider says of the person. Raises AuthenticationFailed (401) and ProviderAway (503)."""
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
        _refuse_odd_subject(claims["sub"])
    except jwt.PyJWTError as error:
        detail = f"This token of the identity provider is not valid: {error}. Ask the provider for a new one."
        raise AuthenticationFailed(detail, "token_not_valid") from error
    return claims


def user_of(claims: Claims) -> User:
    """Whose token it is; a user is created for a new one. Raises AuthenticationFailed (401)."""
    user = _known(claims) or _new(claims)
    if not user.is_active:
        raise AuthenticationFailed("This account is closed.", "user_inactive")
    return user


def remember_erasure(user: User) -> None:
    """Before the user's rows go: their provider's tokens open no new account for PAUSE_AFTER_ERASURE."""
    ErasedIdentity.objects.filter(erased_at__lte=timezone.now() - PAUSE_AFTER_ERASURE).delete()
    for identity in user.outside_identities.all():
        digest = _erased_digest(identity.issuer, identity.subject)
        ErasedIdentity.objects.update_or_create(digest=digest, defaults={"erased_at": timezone.now()})


def _key_for(token: str) -> tuple[Any, list[str]]:
    if settings.AUTH_JWT_SECRET:
        return settings.AUTH_JWT_SECRET, ["HS256"]
    key = provider_keys(settings.AUTH_JWKS_URL).key(jwt.get_unverified_header(token).get("kid"))
    if key is None:
        raise jwt.InvalidKeyError("the provider has no key with its kid")
    return key, _PUBLIC_KEY_ALGORITHMS


def _refuse_odd_subject(subject: str) -> None:
    # isprintable: neither NUL bytes nor halves of characters, which PostgreSQL cannot hold.
    if not (0 < len(subject) <= _MAX_SUBJECT and subject.isprintable()):
        raise jwt.InvalidTokenError(f"a sub has 1 to {_MAX_SUBJECT} printable characters")


def _known(claims: Claims) -> User | None:
    identities = OutsideIdentity.objects.select_related("user")
    identity = identities.filter(issuer=claims["iss"], subject=claims["sub"]).first()
    return identity.user if identity else None


def _new(claims: Claims) -> User:
    _refuse_just_erased(claims)
    # Of two first requests at once the second waits at a unique index, then finds what the first one made.
    for email in (_confirmed_email(claims), None):
        try:
            with transaction.atomic():
                user = _holder(email)
                user.outside_identities.create(issuer=claims["iss"], subject=claims["sub"])
                return user
        except IntegrityError:
            if known := _known(claims):
                return known
    raise AuthenticationFailed("The account was opened at this very moment: try again.", "opened_meanwhile")


def _refuse_just_erased(claims: Claims) -> None:
    digest = _erased_digest(claims["iss"], claims["sub"])
    erased = ErasedIdentity.objects.filter(digest=digest).first()
    if erased and timezone.now() < (opens_at := erased.erased_at + PAUSE_AFTER_ERASURE):
        detail = f"This account was erased; a new one can be opened from {opens_at:%Y-%m-%d %H:%M} UTC on."
        raise AuthenticationFailed(detail, "account_erased")


def _confirmed_email(claims: Claims) -> str | None:
    """The address, when the provider has confirmed it: an unconfirmed one may be anybody's.

    `email_verified` is OpenID Connect's word, `emailVerified` Better Auth's.
    """
    email = claims.get("email")
    is_confirmed = claims.get("email_verified", claims.get("emailVerified")) is True
    if not (is_confirmed and isinstance(email, str) and len(email) <= 254):
        return None
    try:
        validate_email(email)
    except ValidationError:
        return None
    return UserManager.normalize_email(email)


def _holder(email: str | None) -> User:
    """Who has confirmed the same address here; otherwise a new user, without it when it is taken.

    Staff are never found so: an operator links them by hand, in the admin.
    """
    if email is None:
        return User.objects.create_user(None)
    holder = User.objects.with_email(email).first()
    if holder is None:
        return User.objects.create_user(email, email_confirmed=True)
    is_same_person = holder.email_confirmed and holder.is_active and not holder.is_staff
    return holder if is_same_person else User.objects.create_user(None)


def _erased_digest(issuer: str, subject: str) -> str:
    return salted_hmac("accounts_app.ErasedIdentity", f"{issuer}\0{subject}", algorithm="sha256").hexdigest()
