"""The VAPID key, which identifies this server to push services, and its tokens (RFC 8292)."""

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.utils import timezone
from py_vapid import Vapid02, VapidException
from py_vapid.utils import b64urlencode

from notifications_app.channels.channel import ChannelUnavailableError

# A token lives at most 24 hours (RFC 8292, 2). All sends to one origin within six hours share one,
# which is then valid for six hours more at least.
_TOKEN_PERIOD_SECONDS = 6 * 60 * 60
# Origins are user input, so the cache of their tokens is bounded. There are only a few real push services.
_CACHED_TOKENS = 256


def public_key() -> str:
    """The key browsers subscribe with: the P-256 point in 65 bytes, base64url without padding.

    Raises ChannelUnavailableError if VAPID_PRIVATE_KEY is missing or not a key.
    """
    key = _vapid(settings.VAPID_PRIVATE_KEY).public_key
    encoded: str = b64urlencode(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    return encoded


def authorization(origin: str) -> str:
    """The Authorization header for a push service at this origin (scheme://host[:port]).

    Raises ChannelUnavailableError if the key or the subject in the settings is invalid.
    """
    period = int(timezone.now().timestamp()) // _TOKEN_PERIOD_SECONDS
    expires = (period + 2) * _TOKEN_PERIOD_SECONDS
    return _token(settings.VAPID_PRIVATE_KEY, settings.VAPID_SUBJECT, origin, expires)


@lru_cache(maxsize=_CACHED_TOKENS)
def _token(private_key: str, subject: str, origin: str, expires: int) -> str:
    claims = {"aud": origin, "sub": subject, "exp": expires}
    try:
        header: str = _vapid(private_key).sign(claims)["Authorization"]
    except VapidException as error:
        raise ChannelUnavailableError(f"VAPID claims {claims} cannot be signed: {error}") from error
    return header


@lru_cache(maxsize=1)
def _vapid(private_key: str) -> Vapid02:
    if not private_key:
        raise ChannelUnavailableError("VAPID_PRIVATE_KEY is not set. Web Push requires it.")
    try:
        vapid = Vapid02.from_string(private_key)
    except (ValueError, TypeError) as error:
        raise ChannelUnavailableError(f"VAPID_PRIVATE_KEY is not a private key: {error}") from error
    key = vapid.private_key
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ChannelUnavailableError("VAPID_PRIVATE_KEY is not on the curve P-256.")
    return vapid
