"""Production answers by https only; probes and proxies are not sent in circles."""

import ssl

import pytest
from django.test import Client
from kombu import Connection
from pytest_django import Settings

from todo_project.environment import verifying

HOST = {"host": "todo.example.org"}
BY_HTTPS = HOST | {"x-forwarded-proto": "https"}


@pytest.mark.parametrize("path", ["/api/tasks", "/admin/", "/"])
@pytest.mark.usefixtures("production")
def test_a_request_by_http_is_redirected(path: str) -> None:
    answer = Client().get(path, headers=HOST)
    assert (answer.status_code, answer["Location"]) == (301, f"https://todo.example.org{path}")
    assert "Strict-Transport-Security" not in answer


@pytest.mark.parametrize("path", ["/healthz/live", "/metrics"])
@pytest.mark.usefixtures("production")
def test_what_is_asked_from_inside_is_not(path: str) -> None:
    assert Client().get(path, headers=HOST).status_code in (200, 404)


def test_a_request_through_the_proxy_is_answered(production: Settings) -> None:
    production.SECURE_HSTS_SECONDS = 31536000
    answer = Client().get("/api/tasks", headers=BY_HTTPS)
    assert answer.status_code == 401
    assert answer["Strict-Transport-Security"] == "max-age=31536000"


def test_without_a_proxy_its_header_is_not_trusted(production: Settings) -> None:
    production.SECURE_PROXY_SSL_HEADER = None
    assert Client().get("/api/tasks", headers=BY_HTTPS).status_code == 301


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("rediss://:secret@store.example.org/0", ssl.CERT_REQUIRED),
        ("rediss://store.example.org/0?ssl_ca_certs=/etc/ca.pem", ssl.CERT_REQUIRED),
        ("rediss://store.example.org/0?ssl_cert_reqs=none", ssl.CERT_NONE),
    ],
)
def test_celery_checks_the_certificate_of_redis(url: str, mode: ssl.VerifyMode) -> None:
    connection = Connection(verifying(url))
    assert connection.ssl["ssl_cert_reqs"] == mode
    assert verifying("redis://store.example.org") == "redis://store.example.org"
