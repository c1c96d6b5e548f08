"""Secrets that people write are not mistaken for those that a machine has drawn."""

import secrets
import uuid
from collections.abc import Callable

import pytest
from django.core.management.utils import get_random_secret_key

from todo_project.production_checks import PASSWORD_BITS, SIGNING_BITS, TOKEN_BITS
from todo_project.secret_strength import PUBLISHED, bits, is_published


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


@pytest.mark.parametrize(
    ("draw", "least"),
    [
        (lambda: secrets.token_urlsafe(50), SIGNING_BITS),
        (lambda: secrets.token_urlsafe(32), SIGNING_BITS),
        (lambda: secrets.token_hex(25), SIGNING_BITS),
        (lambda: secrets.token_hex(16), SIGNING_BITS),
        (lambda: str(uuid.uuid4()), SIGNING_BITS),
        (get_random_secret_key, SIGNING_BITS),
        (lambda: secrets.token_urlsafe(24), TOKEN_BITS),
        (lambda: secrets.token_urlsafe(12), PASSWORD_BITS),
    ],
)
def test_what_is_random_is_accepted(draw: Callable[[], str], least: float) -> None:
    assert all(bits(draw()) >= least for _ in range(200))


def test_repeating_a_secret_makes_it_hardly_better() -> None:
    secret = "kN8vR2xQ5tW9"
    assert bits(secret * 5) < bits(secret) + 20


def test_a_published_secret_is_known_in_any_case() -> None:
    assert all(map(is_published, PUBLISHED))
    assert is_published("Your-256-Bit-Secret")
    assert is_published("django-insecure-" + "kN8vR2xQ5tW9" * 4)
    assert not is_published(secrets.token_urlsafe(50))
