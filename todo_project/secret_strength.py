"""How hard a secret is to guess.

An estimate in bits, from above: the cheapest way to spell the secret from single characters, words, common
passwords, well-known rows of characters and repetitions of what came before (as LZ77 does).
Sources: Wheeler, zxcvbn: Low-Budget Password Strength Estimation, USENIX Security 2016; Shannon, Prediction
and Entropy of Printed English, 1951, for the bits of a letter of text.
"""

import re
from collections.abc import Iterator
from functools import cache
from math import log2

from django.contrib.auth.password_validation import CommonPasswordValidator

# Signing keys that everyone knows: the defaults and examples of frameworks and of documentation.
PUBLISHED = {
    "a-string-secret-at-least-256-bits-long",  # jwt.io
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",  # jwt.io
    "better-auth-secret-123456789",  # Better Auth's default, earlier
    "better-auth-secret-12345678901234567890",  # Better Auth's default
    "development-only-secret-key-that-no-deployment-may-use",  # ours
    "your-256-bit-secret",  # jwt.io
    "your-384-bit-secret",  # jwt.io
    "your-512-bit-secret",  # jwt.io
}
PUBLISHED_BEGINNINGS = ("django-insecure-",)  # what `django-admin startproject` writes

_ROWS = "abcdefghijklmnopqrstuvwxyz01234567890 qwertyuiop asdfghjkl zxcvbnm 1q2w3e4r5t6y7u8i9o0p"
_KNOWN = f"{_ROWS} {_ROWS[::-1]} "
_SHORTEST_PIECE = 4
# More characters than any secret needs.
_LONGEST = 128

# A word stands between characters that are no letters and no digits.
_WORD = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][a-z]{1,14}(?![A-Za-z0-9])")
_VOWEL = re.compile("[aeiouy]", re.IGNORECASE)
_BITS_OF_A_LETTER_OF_TEXT = 1.5
_SEPARATORS, _BITS_OF_A_SEPARATOR = frozenset("-_ ."), 1.0


def is_published(secret: str) -> bool:
    """Whether it is a value that frameworks or their documentation give."""
    return secret.lower() in PUBLISHED or secret.startswith(PUBLISHED_BEGINNINGS)


def bits(secret: str) -> float:
    """How many bits the secret has at most; 0 for an empty one."""
    secret = secret[:_LONGEST]
    pieces = [*_characters(secret), *_words(secret), *_copies(secret)]
    cheapest = [0.0] + [float("inf")] * len(secret)
    for start, end, cost in sorted(pieces):
        cheapest[end] = min(cheapest[end], cheapest[start] + cost)
    return cheapest[-1]


def _characters(secret: str) -> Iterator[tuple[int, int, float]]:
    """Each character by itself, as (start, end, bits)."""
    cost = log2(_alphabet(secret))
    for at, letter in enumerate(secret):
        yield at, at + 1, _BITS_OF_A_SEPARATOR if letter in _SEPARATORS else cost


def _alphabet(secret: str) -> int:
    """How many characters there are of the kinds that it uses."""
    if secret.isdecimal():
        return 10
    if set(secret) <= set("0123456789abcdef") or set(secret) <= set("0123456789ABCDEF"):
        return 16
    kinds = [(str.islower, 26), (str.isupper, 26), (str.isdecimal, 10)]
    known = sum(size for is_kind, size in kinds if any(map(is_kind, secret)))
    return known + (0 if secret.isalnum() else 33)


def _words(secret: str) -> Iterator[tuple[int, int, float]]:
    for word in _WORD.finditer(secret):
        if _VOWEL.search(word[0]):
            yield word.start(), word.end(), _BITS_OF_A_LETTER_OF_TEXT * len(word[0])


def _copies(secret: str) -> Iterator[tuple[int, int, float]]:
    """Common passwords, and what is in a row of characters or was in the secret before."""
    folded = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in secret)
    text, passwords = _KNOWN + folded, _common_passwords()
    for start in range(len(folded)):
        at = len(_KNOWN) + start
        copy = log2(at) + log2(len(folded))
        for end in range(start + _SHORTEST_PIECE, len(folded) + 1):
            piece = folded[start:end]
            if text.find(piece, 0, at + len(piece) - 1) >= 0:
                yield start, end, copy
            elif piece in passwords:
                yield start, end, log2(len(passwords))


@cache
def _common_passwords() -> set[str]:
    return CommonPasswordValidator().passwords
