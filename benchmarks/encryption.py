"""Encrypting a message of a reminder's size, beside pywebpush, and beside the key and the exchange alone.

In seconds of the processor, in turns. Each message has a new key and an exchange (RFC 8291), so nothing is
faster than these alone.
"""

import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from itertools import cycle
from time import process_time

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pywebpush import WebPusher

from benchmarks.measuring import Series, Side, Turn, interleave, ratio
from benchmarks.report import Report, numbers, table
from benchmarks.stage import Stage
from notifications_app.channels.encryption import encrypt, receiver_of

MESSAGE = os.urandom(1200)
# More than are cached, and few.
MANY, FEW = 3_000, 100
AT_ONCE = 20
_CURVE = ec.SECP256R1()

Keys = dict[str, str]


def run(stage: Stage) -> Report:
    """Encryptions a second: of browsers that were sent to before, of others, and of the rivals."""
    many = [_browser() for _ in range(MANY)]
    key = ec.generate_private_key(_CURVE).public_key()
    sides = [
        _side("key and exchange alone", lambda _: _exchange(key), many),
        _side("this backend, 100 browsers", _ours, many[:FEW]),
        _side("this backend, 3,000 browsers", _ours, many),
        _side("pywebpush", _theirs, many),
    ]
    found = interleave(sides, rounds=stage.rounds, seconds=stage.seconds / 10, between=lambda: None)
    floor, *ours, theirs = found.values()
    rows = [_row(each, floor, theirs) for each in (floor, *ours, theirs)]
    head = ["", "a second", "microseconds", "times the floor (goal 0.75)", "times pywebpush (goal 2)"]
    return Report("Encryption", [table(head, rows)])


def _row(series: Series, floor: Series, theirs: Series) -> list[str]:
    rate = sum(series.rates) / len(series.rates)
    ratios = [numbers(ratio(series, other), ".2f") for other in (floor, theirs)]
    return [series.name, f"{rate:,.0f}", f"{1_000_000 / rate:.0f}", *ratios]


def _browser() -> Keys:
    point = ec.generate_private_key(_CURVE).public_key()
    p256dh = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {"p256dh": _encoded(p256dh), "auth": _encoded(os.urandom(16))}


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _exchange(key: ec.EllipticCurvePublicKey) -> None:
    ec.generate_private_key(_CURVE).exchange(ec.ECDH(), key)


def _ours(keys: Keys) -> None:
    encrypt(MESSAGE, receiver_of(keys["p256dh"], keys["auth"]))


def _theirs(keys: Keys) -> None:
    WebPusher({"endpoint": "https://push.example.com/a", "keys": keys}).encode(MESSAGE)


def _side(name: str, encrypt_for: Callable[[Keys], None], browsers: list[Keys]) -> Side:
    turns = cycle(browsers)

    def turn(seconds: float) -> Turn:
        begin = now = process_time()
        latencies = []
        while now - begin < seconds:
            for _ in range(AT_ONCE):
                encrypt_for(next(turns))
            now, before = process_time(), now
            latencies.append(now - before)
        return Turn(latencies, now - begin, pieces=AT_ONCE)

    return Side(name, turn)
