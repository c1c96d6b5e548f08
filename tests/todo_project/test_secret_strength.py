"""Secrets that people write are not mistaken for those that a machine has drawn."""

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from random import Random

import pytest

from todo_project.production_checks import PASSWORD_BITS, SIGNING_BITS, TOKEN_BITS
from todo_project.secret_strength import PUBLISHED, bits, is_published

# What django.core.management.utils.get_random_secret_key() draws from.
DJANGOS = "abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)"


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "abcde" * 10,
        "password" * 4,
        "PassWord" * 8,
        "x" * 60,
        "ab" * 32,
        "0123456789abcdef" * 4,
        "deadbeef" * 8,
        "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "qwertyuiopasdfghjklzxcvbnm1234567890qwertyuiopas",
        "zyxwvutsrqponmlkjihgfedcba9876543210zyxwvutsrqponmlkji",
        "your-super-secret-key-change-in-production",
        "change-me-to-a-long-random-string-of-at-least-fifty-characters",
        "replace-this-with-a-secure-random-secret-key-in-production",
        "my_secret_key_for_the_todo_app_that_is_at_least_32_chars",
        "12345678901234567890123456789012",
        "ΑΒΓΔ" * 10,
    ],
)
def test_what_people_write_signs_nothing(secret: str) -> None:
    assert bits(secret) < SIGNING_BITS


def urlsafe(drawn: bytes) -> str:
    return urlsafe_b64encode(drawn).decode().rstrip("=")


@pytest.mark.parametrize(
    ("size", "form", "least"),
    [
        (50, urlsafe, SIGNING_BITS),
        (32, urlsafe, SIGNING_BITS),
        (25, bytes.hex, SIGNING_BITS),
        (16, bytes.hex, SIGNING_BITS),
        (16, lambda drawn: str(uuid.UUID(bytes=drawn, version=4)), SIGNING_BITS),
        (38, lambda drawn: "".join(DJANGOS[byte % len(DJANGOS)] for byte in drawn), SIGNING_BITS),
        (24, urlsafe, TOKEN_BITS),
        (12, urlsafe, PASSWORD_BITS),
    ],
)
def test_what_is_random_is_accepted(size: int, form: Callable[[bytes], str], least: float) -> None:
    random = Random(size)  # the same secrets in each run: a rare one looks like words
    assert all(bits(form(random.randbytes(size))) >= least for _ in range(200))


def test_repeating_a_secret_makes_it_hardly_better() -> None:
    secret = "kN8vR2xQ5tW9"
    assert bits(secret * 5) < bits(secret) + 20


def test_a_published_secret_is_known_in_any_case() -> None:
    assert all(map(is_published, PUBLISHED))
    assert is_published("Your-256-Bit-Secret")
    assert is_published("django-insecure-" + "kN8vR2xQ5tW9" * 4)
    assert not is_published(urlsafe(Random(50).randbytes(50)))
