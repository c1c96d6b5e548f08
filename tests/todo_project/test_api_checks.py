"""What a start is refused for: who may ask the API, from where, how often; and two older checks' corners."""

from typing import Any

import pytest
from django.conf import settings as project
from django.core.checks import run_checks
from pytest_django import Settings

from todo_project.api_checks import check_api_settings
from todo_project.checks import TAG, check_settings
from todo_project.production_checks import check_production

SECRET = "kN8vR2xQ5tW9yZ3bC6dF1gH4jK7mP0sU"
PROVIDER: dict[str, Any] = {
    "AUTH_JWT_ISSUER": "https://app.example.org",
    "AUTH_JWT_AUDIENCE": "todo-api",
    "AUTH_JWT_SECRET": "",
    "AUTH_JWKS_URL": "",
}
JWKS = {"AUTH_JWKS_URL": "https://app.example.org/api/auth/jwks"}


@pytest.fixture(autouse=True)
def production(settings: Settings) -> Settings:
    settings.PRODUCTION = True
    return settings


def found() -> list[str]:
    return [message.id or "" for message in check_api_settings(None)]


def configure(settings: Settings, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(settings, name, value)


def test_without_anything_set_nothing_is_wrong() -> None:
    assert found() == []


@pytest.mark.parametrize("keys", [{"AUTH_JWT_SECRET": SECRET}, JWKS])
def test_a_provider_with_one_kind_of_key_is_right(production: Settings, keys: dict[str, str]) -> None:
    configure(production, PROVIDER | keys)
    assert found() == []


@pytest.mark.parametrize(
    ("values", "number"),
    [
        (JWKS | {"AUTH_JWT_SECRET": SECRET}, "E040"),
        ({}, "E041"),
        (JWKS | {"AUTH_JWT_ISSUER": ""}, "E041"),
        (JWKS | {"AUTH_JWT_ISSUER": "https://" + "x" * 248}, "E041"),
        (JWKS | {"AUTH_JWT_AUDIENCE": ""}, "E041"),
        ({"AUTH_JWT_SECRET": SECRET, "AUTH_JWT_ISSUER": "", "AUTH_JWT_AUDIENCE": ""}, "E041"),
        ({"AUTH_JWT_SECRET": SECRET[:31]}, "E042"),
        ({"AUTH_JWT_SECRET": SECRET, "SECRET_KEY": SECRET}, "E042"),
        ({"AUTH_JWKS_URL": "http://app.example.org/jwks"}, "E043"),
        ({"AUTH_JWKS_URL": "app.example.org/jwks"}, "E043"),
        ({"AUTH_JWKS_URL": "https://"}, "E043"),
        ({"AUTH_JWKS_URL": "https://[/jwks"}, "E043"),
        ({"AUTH_JWKS_URL": "https://app.example.org:99999/jwks"}, "E043"),
        ({"AUTH_JWKS_URL": "file:///etc/passwd"}, "E043"),
    ],
)
def test_a_provider_that_is_wrong_is_refused(
    production: Settings, values: dict[str, str], number: str
) -> None:
    configure(production, PROVIDER | values)
    assert found() == [f"todo.{number}"]


def test_development_may_have_a_provider_next_door(production: Settings) -> None:
    configure(
        production, PROVIDER | {"AUTH_JWKS_URL": "http://localhost:3000/api/auth/jwks", "PRODUCTION": False}
    )
    assert found() == []


@pytest.mark.parametrize("origin", ["https://app.example.org", "http://localhost:3000", "http://[::1]:3000"])
def test_an_origin(production: Settings, origin: str) -> None:
    production.CORS_ALLOWED_ORIGINS = [origin]
    assert found() == []


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*.example.org",
        "https://*",
        "null",
        "file://",
        "app.example.org",
        "https://app.example.org/",
        "https://App.example.org",
        "https://app.example.org https://b.example.org",
        "",
    ],
)
def test_what_no_browser_sends_or_everybody_does_is_no_origin(production: Settings, origin: str) -> None:
    production.CORS_ALLOWED_ORIGINS = ["https://app.example.org", origin]
    assert found() == ["todo.E044"]


@pytest.mark.parametrize(
    "rate", ["10", "10/fortnight", "ten/min", "0/min", "-1/min", "1.5/min", "/min", "٣/min"]
)
def test_a_rate_that_is_none_is_refused(production: Settings, rate: str) -> None:
    production.THROTTLE_RATES = project.THROTTLE_RATES | {"writes": rate}
    (message,) = check_api_settings(None)
    assert message.id == "todo.E045"
    assert "THROTTLE_WRITES" in message.msg


@pytest.mark.parametrize(
    ("proxies", "behind_tls", "numbers"),
    [(0, False, []), (1, False, []), (1, True, []), (0, True, ["todo.E046"]), (-1, False, ["todo.E046"])],
)
def test_a_proxy_is_counted(production: Settings, proxies: int, behind_tls: bool, numbers: list[str]) -> None:
    production.REST_FRAMEWORK = project.REST_FRAMEWORK | {"NUM_PROXIES": proxies}
    production.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if behind_tls else None
    assert found() == numbers


def test_the_start_asks_these_checks_too(production: Settings) -> None:
    production.CORS_ALLOWED_ORIGINS = ["*"]
    assert "todo.E044" in [message.id for message in run_checks(tags=[TAG])]


@pytest.mark.parametrize("host", [".com", "*", ".", "*.example.org", "..", ".localhost"])
def test_a_host_that_everybody_can_have(production: Settings, host: str) -> None:
    production.ALLOWED_HOSTS = ["todo.example.org", host]
    assert "todo.E005" in [message.id for message in check_production(None)]


@pytest.mark.parametrize("host", ["todo.example.org", ".example.org", "localhost", "127.0.0.1", "[::1]"])
def test_a_host_of_ones_own(production: Settings, host: str) -> None:
    production.ALLOWED_HOSTS = [host]
    assert "todo.E005" not in [message.id for message in check_production(None)]


@pytest.mark.parametrize(
    "subject",
    ["mailto:", "mailto:operator", "mailto:a@b@c", "https:", "https://", "https://[", "https:example.org"],
)
def test_a_subject_that_reaches_no_one(production: Settings, subject: str) -> None:
    production.VAPID_SUBJECT = subject
    assert "todo.E002" in [message.id for message in check_settings(None)]
