"""Tokens with claims of any type and size: each is accepted or refused, and none is a server error."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import digest
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as project
from pytest_django import Settings
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts_app.models import User

pytestmark = pytest.mark.django_db

ISSUER = "https://app.example.test"
AUDIENCE = "todo-api"
SECRET = "a-secret-of-the-provider-with-enough-characters"
SOON = "4102444800"
NESTED = "[" * 5000 + "]" * 5000
# JSON text, since Python could not write all of these.
TIMES = [
    *("1000000000000000000", "-1", "true", "false", "null", '"9999999999"', "[]", "{}", "Infinity", "NaN"),
    *("-Infinity", "1e999", "1e300", "221845392000", "9" * 400, "9" * 5000, '"\\ud800"', NESTED),
]
TEXTS = ["7", "true", "null", "[]", "{}", '"\\u0000"', '"\\ud800"', '""', f'"{"x" * 9000}"', NESTED, "1e999"]
GOOD = {"exp": SOON, "sub": '"dora"', "iss": f'"{ISSUER}"', "aud": f'"{AUDIENCE}"'}


def encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).rstrip(b"=").decode()


def signed(claims: str, *, secret: str = SECRET, header: str = '{"alg": "HS256", "typ": "JWT"}') -> str:
    text = f"{encoded(header.encode())}.{encoded(claims.encode())}"
    return f"{text}.{encoded(digest(secret.encode(), text.encode(), sha256))}"


def of_provider(**claims: str) -> str:
    return signed(in_json(GOOD | claims))


def of_us(claims: dict[str, str]) -> str:
    return signed(in_json(claims), secret=project.SECRET_KEY)


def in_json(claims: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in claims.items()) + "}"


@pytest.fixture(autouse=True)
def provider(settings: Settings) -> None:
    settings.AUTH_JWT_ISSUER, settings.AUTH_JWT_AUDIENCE = ISSUER, AUDIENCE
    settings.AUTH_JWT_SECRET = SECRET


def about(value: str) -> str:
    """The beginning and the length, since several begin alike."""
    return f"{value[:30]} ({len(value)})"


def ask_for_a_ticket(token: str) -> Any:
    return APIClient().post("/api/stream/ticket", headers={"Authorization": f"Bearer {token}"})


def answers(tokens: dict[str, str]) -> dict[str, int]:
    """The statuses that are not 401, by what is hostile about the token."""
    statuses = {name: ask_for_a_ticket(token).status_code for name, token in tokens.items()}
    return {name: status for name, status in statuses.items() if status != 401}


@pytest.mark.parametrize(
    ("name", "values"),
    [*((name, TIMES) for name in ("exp", "nbf", "iat")), *((name, TEXTS) for name in ("sub", "iss", "aud"))],
)
def test_a_signed_token_with_hostile_claims_is_refused(name: str, values: list[str]) -> None:
    assert answers({about(value): of_provider(**{name: value}) for value in values}) == {}
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["email", "zoneinfo", "email_verified", "emailVerified", "jti"])
def test_claims_that_are_optional_never_end_in_a_server_error(name: str) -> None:
    said = {"email": '"dora@example.test"', "email_verified": "true"}
    answered = answers({about(value): of_provider(**said | {name: value}) for value in TEXTS})
    assert set(answered.values()) <= {201}


@pytest.mark.parametrize("value", [SOON, f"{SOON}.5", "221845391999"])
def test_times_in_range_are_accepted(value: str) -> None:
    assert ask_for_a_ticket(of_provider(exp=value)).status_code == 201


HEADERS = [
    *('{"alg": "HS256", "kid": []}', '{"alg": "HS256", "kid": 7}', '{"alg": "HS256", "b64": false}'),
    *('{"alg": []}', "{}", "[]", "7", "null", '"HS256"', f'{{"alg": "HS256", "x": {NESTED}}}', "{", "\0"),
    '{"alg": "HS256", "crit": ["x"]}',
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("route", ["/api/stream/ticket", "/api/auth/token/refresh", "/api/auth/logout"])
def test_hostile_headers_are_refused(header: str, route: str) -> None:
    token = signed('{"exp": 1}', header=header)
    answer = APIClient().post(route, {"refresh": token}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "é.é.é", "a" * 70_000, f"{encoded(b'{}')}." * 2])
def test_what_is_no_token_is_refused(text: str) -> None:
    for route in ("/api/auth/token/refresh", "/api/auth/logout"):
        assert APIClient().post(route, {"refresh": text}).status_code in (400, 401)
    if text.isascii():
        assert ask_for_a_ticket(text).status_code == 401


@pytest.mark.parametrize("kind", [AccessToken, RefreshToken])
@pytest.mark.parametrize("name", ["exp", "iat", "jti", "user_id", "token_type"])
def test_claims_of_our_own_tokens_are_checked_too(alice: User, name: str, kind: type[Token]) -> None:
    said = {"token_type": f'"{kind.token_type}"', "exp": SOON, "user_id": f'"{alice.pk}"'}
    said |= {"jti": f'"{uuid4()}.0"'}
    tokens = {value[:30]: of_us(said | {name: value}) for value in TIMES + TEXTS}
    assert answers(tokens) == {}
    refreshed = [APIClient().post("/api/auth/token/refresh", {"refresh": one}) for one in tokens.values()]
    assert {answer.status_code for answer in refreshed} == {401}
