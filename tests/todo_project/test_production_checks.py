"""Production refuses what is not safe to run: a line for each fault, with the setting and the remedy."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as project
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from tests.todo_project.production import PASSWORD, SAFE
from todo_project.checks import TAG, refuse_unsafe_start

BETTER_AUTH = "better-auth-secret-12345678901234567890"
KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "kafka.example.org:9092", "KAFKA_SECURITY": {}}
PROVIDER = {"AUTH_JWT_ISSUER": "https://app.example.org", "AUTH_JWT_AUDIENCE": "todo"}
MAIL = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "mail.example.org"}


def lifetime(**values: timedelta) -> dict[str, Any]:
    return {"SIMPLE_JWT": project.SIMPLE_JWT | values}


def proxies(number: int) -> dict[str, Any]:
    return {"REST_FRAMEWORK": project.REST_FRAMEWORK | {"NUM_PROXIES": number}}


PRINTS = "Set what this prints: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"SECRET_KEY": "short"}, f"SECRET_KEY has less than 50 characters. {PRINTS}"),
    (
        {"SECRET_KEY": project.DEVELOPMENT_SECRET_KEY},
        f"SECRET_KEY is published: anyone can sign with it. {PRINTS}",
    ),
    (
        {"SECRET_KEY": "django-insecure-" + SAFE["SECRET_KEY"]},
        f"SECRET_KEY is published: anyone can sign with it. {PRINTS}",
    ),
    ({"SECRET_KEY": "abcde" * 10}, f"SECRET_KEY can be guessed: it has some 26 bits of 112. {PRINTS}"),
    (
        {"SECRET_KEY_FALLBACKS": [SAFE["SECRET_KEY"][::-1], "abcde" * 10]},
        f"SECRET_KEY_FALLBACKS[1] can be guessed: it has some 26 bits of 112. {PRINTS}",
    ),
    (
        PROVIDER | {"AUTH_JWT_SECRET": BETTER_AUTH},
        f"AUTH_JWT_SECRET is published: anyone can sign with it. {PRINTS}",
    ),
    (
        PROVIDER | {"AUTH_JWT_SECRET": "password" * 4},
        f"AUTH_JWT_SECRET can be guessed: it has some 27 bits of 112. {PRINTS}",
    ),
    (
        {"METRICS_TOKEN": "guess me"},
        "METRICS_TOKEN can be guessed."
        " Set 16 random characters or more, or none: then the route is not served.",
    ),
    (
        {"METRICS_TOKEN": "metrics-metrics-metrics"},
        f"METRICS_TOKEN can be guessed: it has some 24 bits of 50. {PRINTS}",
    ),
    (
        {"INTERNAL_TOKEN": "1234567890123456"},
        f"INTERNAL_TOKEN can be guessed: it has some 23 bits of 50. {PRINTS}",
    ),
    (
        {"OPERATOR_PASSWORD": "password123"},
        f"OPERATOR_PASSWORD can be guessed: it has some 14 bits of 40. {PRINTS}",
    ),
    (
        KAFKA,
        "KAFKA_SECURITY_PROTOCOL is PLAINTEXT, in the clear. Set SASL_SSL or SSL, or"
        " INSECURE_TRANSPORT_OK=kafka on a private network.",
    ),
    (
        KAFKA | {"KAFKA_SECURITY": {"security.protocol": "SASL_PLAINTEXT"}},
        "KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT, in the clear. Set SASL_SSL or SSL, or"
        " INSECURE_TRANSPORT_OK=kafka on a private network.",
    ),
    *(
        (
            {"REDIS_URL": url},
            f"REDIS_URL is without {lacks}. Write rediss://:password@host:6379/0, or"
            " INSECURE_TRANSPORT_OK=redis on a private network.",
        )
        for url, lacks in (
            (f"redis://:{PASSWORD}@store.example.org/0", "TLS"),
            ("rediss://store.example.org/0", "a password"),
            (f"rediss://:{PASSWORD}@store.example.org/0?ssl_cert_reqs=none", "a verified certificate"),
        )
    ),
    (
        {"DATABASE": {"HOST": "db.example.org", "OPTIONS": {}}},
        "DATABASE_URL has sslmode=prefer. Add ?sslmode=verify-full (or verify-ca, require), or"
        " INSECURE_TRANSPORT_OK=postgresql on a private network.",
    ),
    (
        MAIL | {"EMAIL_HOST_PASSWORD": PASSWORD},
        "EMAIL_URL sends its password in the clear. Write smtp+tls:// or smtp+ssl://, or"
        " INSECURE_TRANSPORT_OK=smtp on a private network.",
    ),
    (
        {"INSECURE_TRANSPORT_OK": ["kafka", "postgres"]},
        "INSECURE_TRANSPORT_OK has postgres. It may have kafka, postgresql, redis, smtp.",
    ),
    *(
        (
            {"THROTTLE_RATES": SAFE["THROTTLE_RATES"] | {name: None}},
            f"THROTTLE_{name.upper()} is off. Set a rate, as 300/min; a high one if you must.",
        )
        for name in SAFE["THROTTLE_RATES"]
    ),
    *(
        (
            {"CSRF_TRUSTED_ORIGINS": [origin]},
            f"CSRF_TRUSTED_ORIGINS has '{origin}'. Name each host: https://host.",
        )
        for origin in ("https://*.example.org", "http://todo.example.org")
    ),
    (
        {"CORS_ALLOWED_ORIGINS": ["http://app.example.org"]},
        "CORS_ALLOWED_ORIGINS has 'http://app.example.org'. Write https://.",
    ),
    (
        {"CORS_ALLOWED_ORIGINS": ["https://*.example.org"]},
        "CORS_ALLOWED_ORIGINS has 'https://*.example.org'."
        " Write each as https://app.example.com: lowercase, no path, no *.",
    ),
    *(
        ({name: url}, f"{name} is '{url}', which is not encrypted. Write https://.")
        for name, url in (
            ("PASSWORD_RESET_URL", "http://app.example.org/?uid={uid}&token={token}"),
            ("EMAIL_CONFIRM_URL", "http://app.example.org/?token={token}"),
            ("STREAM_URL", "http://todo.example.org/api/stream"),
            ("PUBLIC_URL", "http://todo.example.org"),
        )
    ),
    (
        PROVIDER
        | {"AUTH_JWT_SECRET": PASSWORD[::-1] + PASSWORD, "AUTH_JWT_ISSUER": "http://app.example.org"},
        "AUTH_JWT_ISSUER is 'http://app.example.org', which is not encrypted. Write https://.",
    ),
    (
        lifetime(ACCESS_TOKEN_LIFETIME=timedelta(minutes=1441)),
        "ACCESS_TOKEN_MINUTES makes tokens that last 1 day, 0:01:00, which a thief can use as long."
        " At most 1 days.",
    ),
    (
        lifetime(REFRESH_TOKEN_LIFETIME=timedelta(days=367)),
        "REFRESH_TOKEN_DAYS makes tokens that last 367 days, 0:00:00, which a thief can use as long."
        " At most 366 days.",
    ),
    (
        {"VAPID_SUBJECT": "https://localhost"},
        "VAPID_SUBJECT is 'https://localhost', which no one reads. Set an address of a public domain where"
        " push services can reach you.",
    ),
    (
        proxies(4),
        "TRUSTED_PROXIES is 4. At most 3: with one too many, a client can choose its address.",
    ),
]


@pytest.fixture
def apply(production: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Change some settings; `DATABASE` are those of the database."""

    def change(values: dict[str, Any]) -> None:
        for name, value in values.items():
            if name == "DATABASE":
                for key, part in value.items():
                    monkeypatch.setitem(production.DATABASES["default"], key, part)
            elif name == "OPERATOR_PASSWORD":
                monkeypatch.setenv(name, value)
            else:
                setattr(production, name, value)

    return change


def found() -> list[str]:
    return [message.msg for message in run_checks(tags=[TAG])]


@pytest.mark.parametrize(("values", "line"), FAULTS)
def test_a_fault_is_one_line(
    apply: Callable[[dict[str, Any]], None], values: dict[str, Any], line: str
) -> None:
    apply(values)
    assert found() == [line]
    with pytest.raises(SystemExit) as refused:
        refuse_unsafe_start()
    assert str(refused.value).startswith(f"The backend does not start: {line} (todo.E")
    assert "\n" not in str(refused.value)
    with pytest.raises(SystemCheckError):
        call_command("check", tags=[TAG], deploy=True)


@pytest.mark.parametrize(("values", "line"), FAULTS)
def test_development_may_have_it(
    apply: Callable[[dict[str, Any]], None], values: dict[str, Any], line: str
) -> None:
    apply(values | {"TODO_ENV": "development", "PRODUCTION": False})
    if "METRICS_TOKEN can be guessed. Set" not in line and "no path, no *." not in line:
        assert found() == []


@pytest.mark.parametrize(
    "values",
    [
        KAFKA | {"INSECURE_TRANSPORT_OK": ["kafka"]},
        KAFKA | {"KAFKA_SECURITY": {"security.protocol": "SSL"}},
        KAFKA | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092, [::1]:9092,localhost:9093"},
        {"REDIS_URL": "redis://store.example.org", "INSECURE_TRANSPORT_OK": ["smtp", "redis"]},
        {"REDIS_URL": "redis://127.0.0.1:6379/0"},
        {"REDIS_URL": "unix:///run/valkey.sock"},
        {"REDIS_URL": f"rediss://store.example.org?password={PASSWORD}"},
        {"DATABASE": {"HOST": "db.example.org", "OPTIONS": {"sslmode": "verify-ca"}}},
        {"DATABASE": {"HOST": "db.example.org"}, "INSECURE_TRANSPORT_OK": ["postgresql"]},
        {"DATABASE": {"HOST": "", "OPTIONS": {"host": "/run/postgresql"}}},
        {"DATABASE": {"HOST": "::1", "OPTIONS": {}}},
        MAIL | {"EMAIL_HOST_PASSWORD": ""},
        MAIL | {"EMAIL_HOST_PASSWORD": PASSWORD, "EMAIL_USE_TLS": True},
        MAIL | {"EMAIL_HOST_PASSWORD": PASSWORD, "EMAIL_HOST": "localhost"},
        MAIL | {"EMAIL_HOST_PASSWORD": PASSWORD, "INSECURE_TRANSPORT_OK": ["smtp"]},
        lifetime(ACCESS_TOKEN_LIFETIME=timedelta(days=1), REFRESH_TOKEN_LIFETIME=timedelta(days=366)),
        {"CSRF_TRUSTED_ORIGINS": ["https://todo.example.org"]},
        {"SECRET_KEY_FALLBACKS": [SAFE["SECRET_KEY"][::-1]]},
        {"OPERATOR_PASSWORD": "correct horse battery staple"},
        proxies(3),
    ],
)
def test_what_is_right_is_not_refused(
    apply: Callable[[dict[str, Any]], None], values: dict[str, Any]
) -> None:
    apply(values)
    assert found() == []


@pytest.mark.parametrize(
    "subject",
    [
        "mailto:operator@example.test",
        "mailto:operator@localhost",
        "mailto:operator@mail.example.com",
        "mailto:operator@todo.local",
        "https://127.0.0.1/",
        "https://[::1]",
        "https://todo.internal.",
    ],
)
def test_a_subject_that_no_one_reads(production: Settings, subject: str) -> None:
    production.VAPID_SUBJECT = subject
    assert "todo.E009" in [message.id for message in run_checks(tags=[TAG])]


@pytest.mark.parametrize("is_told", ["header", "certificate", "off"])
def test_a_redirect_without_end(production: Settings, monkeypatch: pytest.MonkeyPatch, is_told: str) -> None:
    monkeypatch.delenv("GRANIAN_SSL_CERTIFICATE", raising=False)
    header, production.SECURE_PROXY_SSL_HEADER = production.SECURE_PROXY_SSL_HEADER, None
    refuse_unsafe_start()  # only the web redirects
    with pytest.raises(SystemExit, match=r"TRUSTED_PROXIES is 0.*SECURE_SSL_REDIRECT=false\. \(todo\.E047\)"):
        refuse_unsafe_start(serves_web=True)
    if is_told == "header":
        production.SECURE_PROXY_SSL_HEADER = header
    elif is_told == "off":
        production.SECURE_SSL_REDIRECT = False
    else:
        monkeypatch.setenv("GRANIAN_SSL_CERTIFICATE", "/etc/todo/certificate.pem")
    refuse_unsafe_start(serves_web=True)
