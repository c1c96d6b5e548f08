"""The encrypted body: the example of RFC 8291, and what another implementation decrypts (`http_ece`)."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from notifications_app.channels.encryption import encrypt, receiver_of
from notifications_app.channels.payload import PAYLOAD_BYTES


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decoded(text)), ec.SECP256R1())


def test_the_example_of_the_standard() -> None:
    """RFC 8291, 5."""
    receiver = receiver_of(
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
    )
    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        receiver,
        sender=private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
        salt=decoded("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert body == decoded(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
        "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, PAYLOAD_BYTES, 3993])
def test_a_browser_decrypts_it(size: int) -> None:
    key, secret, plaintext = ec.generate_private_key(ec.SECP256R1()), os.urandom(16), os.urandom(size)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    receiver = receiver_of(*(urlsafe_b64encode(part).rstrip(b"=").decode() for part in (point, secret)))

    body = encrypt(plaintext, receiver)

    assert http_ece.decrypt(body, private_key=key, auth_secret=secret, version="aes128gcm") == plaintext
    assert len(body) == size + 103
    again = encrypt(plaintext, receiver)
    assert (again[:16], again[21:86]) != (body[:16], body[21:86])  # another salt, another sender's key


@pytest.mark.parametrize("p256dh", ["", "AAAA", urlsafe_b64encode(b"\x04" + b"\x01" * 64).decode()])
def test_a_key_that_is_no_point_is_named(p256dh: str) -> None:
    with pytest.raises(ValueError, match="p256dh"):
        receiver_of(p256dh, "BTBZMqHH6r4Tts7J_aSIgg")
