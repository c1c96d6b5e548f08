"""Clients in a browser, of another origin: which may read answers, and which headers."""

import runpy
from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app.models import User
from devkit.embedded.places import CHECKOUT

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], APIClient]
APP = "https://app.example.org"


@pytest.fixture(autouse=True)
def one_origin(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [APP]


def preflight(origin: str, path: str = "/api/tasks/7") -> Any:
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}
    return APIClient().options(path, headers={"Origin": origin, **asked})


def names(header: str) -> set[str]:
    return {name.strip() for name in header.split(",")}


def test_a_browser_asks_before_it_writes() -> None:
    answer = preflight(APP)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert names(answer.headers["Access-Control-Allow-Methods"]) >= {"GET", "POST", "PUT", "PATCH", "DELETE"}
    allowed = names(answer.headers["Access-Control-Allow-Headers"])
    assert allowed >= {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match"}
    assert allowed >= {"traceparent", "tracestate", "baggage", "sentry-trace", "time-zone"}
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


def test_it_may_read_the_headers_a_client_needs(alice: User, client_of: ClientOf) -> None:
    answer = client_of(alice).post("/api/tasks", {"title": "new"}, headers={"Origin": APP})
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    exposed = names(answer.headers["Access-Control-Expose-Headers"])
    assert exposed == {
        *("ETag", "Idempotent-Replayed", "Location", "Retry-After", "X-Request-ID"),
        *("RateLimit", "RateLimit-Policy"),
    }
    assert "origin" in names(answer.headers["Vary"].lower())


@pytest.mark.parametrize("path", ["/api/tasks", "/api/nowhere", "/api/tasks?unheard_of=1"])
def test_it_may_read_what_was_wrong(path: str) -> None:
    answer = APIClient().get(path, headers={"Origin": APP})
    assert answer.status_code in (400, 401, 404)
    assert answer.headers["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://app.example.org",
        f"{APP}.evil.example",
        f"{APP}:8443",
        "null",
        "*",
        "",
        "https://[",
    ],
)
def test_other_origins_read_nothing(alice: User, client_of: ClientOf, origin: str) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(origin).headers
    answer = client_of(alice).get("/api/tasks", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_no_cookies_are_asked_for() -> None:
    assert "Access-Control-Allow-Credentials" not in preflight(APP).headers


@pytest.mark.parametrize("path", ["/admin/login/", "/healthz/live"])
def test_only_the_api_is_for_other_origins(path: str) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(APP, path).headers
    assert "Access-Control-Allow-Origin" not in APIClient().get(path, headers={"Origin": APP}).headers


def test_without_an_origin_set_there_is_none(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = []
    assert "Access-Control-Allow-Origin" not in preflight(APP).headers


def test_a_star_in_the_list_allows_no_origin(settings: Settings) -> None:
    """The system check todo.E044 refuses it; if it is there anyway, it matches no origin."""
    settings.CORS_ALLOWED_ORIGINS = ["*"]
    assert "Access-Control-Allow-Origin" not in preflight(APP).headers


def test_a_setting_adds_headers_that_clients_may_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_MORE_HEADERS", "x-tenant,x-app-version")
    read_again = runpy.run_path(str(CHECKOUT / "todo_project" / "settings.py"))
    with override_settings(CORS_ALLOW_HEADERS=read_again["CORS_ALLOW_HEADERS"]):
        allowed = names(preflight(APP).headers["Access-Control-Allow-Headers"])
    assert allowed >= {"authorization", "if-match", "traceparent", "x-tenant", "x-app-version"}
