"""Addresses from which a user has signed in: guesses from elsewhere do not lock the user out there.

Only a keyed hash of address and email address is stored. Source: docs/decisions/0013-limits.md.
"""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts_app.models import KnownAddress, User

KEPT = timedelta(days=90)
PURGE_BATCH = 5_000


def remember(user: User, address: str) -> None:
    """The user has signed in from this address."""
    if user.email:
        known = KnownAddress(digest=_digests(user.email, address)[0], user=user, signed_in_at=timezone.now())
        KnownAddress.objects.bulk_create(
            [known], update_conflicts=True, unique_fields=["digest"], update_fields=["signed_in_at"]
        )


def is_known(email: str, address: str) -> bool:
    """Whether the account of this email address was signed in to from this address, by one query."""
    rows = KnownAddress.objects.filter(digest__in=_digests(email, address))
    return rows.filter(signed_in_at__gt=timezone.now() - KEPT).exists()


def purge_known_addresses() -> int:
    """Delete those that no one has signed in from for KEPT. Returns the number of rows."""
    old = KnownAddress.objects.filter(signed_in_at__lte=timezone.now() - KEPT)
    return old.filter(pk__in=old.values("pk")[:PURGE_BATCH]).delete()[0]


def _digests(email: str, address: str) -> list[str]:
    """The hash by the current secret, then those by earlier ones."""
    text = f"{email.strip().lower()} {address}"
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [
        salted_hmac("accounts_app.KnownAddress", text, secret, algorithm="sha256").hexdigest()
        for secret in secrets
    ]
