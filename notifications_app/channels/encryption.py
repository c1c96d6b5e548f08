"""Encrypt a message for one browser: aes128gcm (RFC 8188) with the keys of RFC 8291.

With `cryptography` itself: `pywebpush` takes 1.3 to 1.6 times as long (`./todo bench encryption`), and 0.3 s
to import. The tests decrypt with `http_ece`, and have the example of RFC 8291.
"""

import os
from base64 import urlsafe_b64decode
from functools import lru_cache
from hmac import digest
from struct import pack
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_CURVE = ec.SECP256R1()
_ECDH = ec.ECDH()
_SALT_BYTES = 16
_RECORD_BYTES = 4096  # at least the size of the one record
_LAST_RECORD = b"\x02"
# To parse a key takes a tenth of the time of an encryption, and a browser gets many messages.
_CACHED_RECEIVERS = 1024


class Receiver(NamedTuple):
    """A browser's public key, the same as an uncompressed point of 65 bytes, and its secret of 16 bytes."""

    key: ec.EllipticCurvePublicKey
    point: bytes
    secret: bytes


@lru_cache(maxsize=_CACHED_RECEIVERS)
def receiver_of(p256dh: str, auth: str) -> Receiver:
    """The receiver with these keys of a subscription (base64url). Raises ValueError if p256dh is no point."""
    point = _decoded(p256dh)
    try:
        return Receiver(ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point), point, _decoded(auth))
    except ValueError as error:
        raise ValueError(f"The subscription's p256dh is not a point of the curve P-256: {error}") from error


def encrypt(
    plaintext: bytes,
    receiver: Receiver,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """The body of a push message: 103 bytes longer than the plaintext, which has at most 3,993.

    Each message has a new sender's key and salt; to give them is for the example of the standard.
    """
    sender = sender or ec.generate_private_key(_CURVE)
    salt = salt or os.urandom(_SALT_BYTES)
    sender_point = sender.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    key, nonce = _derived(sender.exchange(_ECDH, receiver.key), receiver, sender_point, salt)
    header = salt + pack("!LB", _RECORD_BYTES, len(sender_point)) + sender_point
    return header + AESGCM(key).encrypt(nonce, plaintext + _LAST_RECORD, None)


def _derived(shared: bytes, receiver: Receiver, sender_point: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """The key of 16 bytes and the nonce of 12 (RFC 8291, 3.4: HKDF of RFC 5869, each of one block)."""
    info = b"WebPush: info\x00" + receiver.point + sender_point + b"\x01"
    ikm = digest(digest(receiver.secret, shared, "sha256"), info, "sha256")
    prk = digest(salt, ikm, "sha256")
    key = digest(prk, b"Content-Encoding: aes128gcm\x00\x01", "sha256")[:16]
    nonce = digest(prk, b"Content-Encoding: nonce\x00\x01", "sha256")[:12]
    return key, nonce


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
