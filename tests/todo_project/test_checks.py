"""What a start is refused for: each setting alone, then the real processes."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from tests.todo_project.production import ENVIRONMENT, SERVERS, VAPID_KEY
from todo_project.checks import TAG, refuse_unsafe_start
from todo_project.settings import env

CHECKOUT = Path(__file__).resolve().parents[2]


def found() -> list[str]:
    return [message.id or "" for message in run_checks(tags=[TAG])]


def test_a_safe_production_has_nothing_against_it(production: Settings) -> None:
    assert found() == []
    refuse_unsafe_start()
    call_command("check", tags=["todo"])


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("TODO_ENV", "prodution", "E001"),
        ("TODO_ENV", "", "E001"),
        ("VAPID_SUBJECT", "admin@example.org", "E002"),
        ("VAPID_SUBJECT", "", "E002"),
        ("VAPID_SUBJECT", "http://example.org", "E002"),
        ("VAPID_PRIVATE_KEY", "not a key", "E003"),
        ("VAPID_PRIVATE_KEY", VAPID_KEY[:-4], "E003"),
        ("VAPID_PRIVATE_KEY", "A" * 43, "E003"),
        ("ALLOWED_HOSTS", ["todo.example.org", "*"], "E005"),
        ("ALLOWED_HOSTS", [], "E005"),
        ("VAPID_PRIVATE_KEY", "", "E008"),
        ("VAPID_SUBJECT", "mailto:operator@example.test", "E009"),
        ("PUSH_ALLOW_INSECURE_ENDPOINTS", True, "E010"),
        ("REDIS_URL", "http://store.example.org", "E012"),
        ("RELAY_SHARD", "3/2", "E019"),
        ("METRICS_PORT", 9100, "E015"),
        ("PROMETHEUS_MULTIPROC_DIR", "/nowhere/at/all", "E016"),
        ("NOTIFICATIONS_KEPT", timedelta(days=1), "E017"),
        ("NOTIFICATIONS_KEPT", timedelta(days=10**6), "E017"),
        ("PASSWORD_RESET_URL", "https://app.example.org/reset?token={token}", "E030"),
        ("PASSWORD_RESET_URL", "app.example.org/reset?{uid}{token}", "E030"),
        ("EMAIL_CONFIRM_URL", "https://app.example.org/confirm", "E030"),
        ("PUBLIC_URL", "todo.example.org", "E031"),
        ("PUBLIC_URL", "https://todo.example.org/app", "E031"),
        ("PUBLIC_URL", "https://", "E031"),
        ("PUBLIC_URL", "https://else.example.org", "E031"),
        ("PUBLIC_URL", "http://todo.example.org", "E032"),
        ("SIMPLE_JWT", project.SIMPLE_JWT | {"ACCESS_TOKEN_LIFETIME": timedelta(0)}, "E013"),
        ("SIMPLE_JWT", project.SIMPLE_JWT | {"REFRESH_TOKEN_LIFETIME": timedelta(days=-1)}, "E013"),
        ("SIMPLE_JWT", project.SIMPLE_JWT | {"REFRESH_TOKEN_LIFETIME": timedelta(days=10**6)}, "E013"),
    ],
)
def test_production_is_refused(production: Settings, name: str, value: Any, number: str) -> None:
    setattr(production, name, value)
    assert found() == [f"todo.{number}"]
    with pytest.raises(SystemExit, match=f"todo.{number}"):
        refuse_unsafe_start()
    with pytest.raises(SystemCheckError, match=f"todo.{number}"):
        call_command("check", tags=["todo"])


@pytest.mark.parametrize(("name", "number"), [("DATABASE_URL", "E006"), ("REDIS_URL", "E007")])
def test_production_names_its_servers(
    production: Settings, monkeypatch: pytest.MonkeyPatch, name: str, number: str
) -> None:
    monkeypatch.delenv(name)
    assert found() == [f"todo.{number}"]


def test_only_the_web_needs_a_folder_for_its_metrics(production: Settings) -> None:
    production.METRICS_TOKEN = "kN8vR2xQ5tW9yZ3bC6dF1gH4"
    refuse_unsafe_start()
    call_command("check")
    with pytest.raises(SystemExit, match=r"todo\.E018"):
        refuse_unsafe_start(serves_web=True)
    with pytest.raises(SystemCheckError, match=r"todo\.E018"):
        call_command("check", tags=["todo"], deploy=True)


def test_an_https_subject_is_right_too(production: Settings) -> None:
    production.VAPID_SUBJECT = "https://to-do-service.dev/contact"
    assert found() == []


def test_development_may_leave_things_open(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TODO_ENV, settings.PRODUCTION = "development", False
    settings.SECRET_KEY = project.DEVELOPMENT_SECRET_KEY
    settings.ALLOWED_HOSTS = ["*"]
    settings.PUSH_ALLOW_INSECURE_ENDPOINTS = True
    settings.VAPID_PRIVATE_KEY = ""
    for name in SERVERS:
        monkeypatch.delenv(name, raising=False)
    assert found() == []


def test_a_malformed_key_is_refused_in_development_too(settings: Settings) -> None:
    settings.VAPID_PRIVATE_KEY = "not a key"
    settings.VAPID_SUBJECT = "operator"
    assert found() == ["todo.E002", "todo.E003"]


CHECK = "manage.py check --deploy --fail-level WARNING"
ROLES = {
    "web": "-m granian --interface rsgi --host 127.0.0.1 --port 0 todo_project.rsgi:application",
    "web before granian": "-c __import__('todo_project.wsgi')",  # deploy/container/start
    "worker": "-m celery --app todo_project worker --pool threads --without-gossip --without-mingle",
    "ticker": "-m celery --app todo_project worker --pool solo --without-gossip --without-mingle",
    # Not the database's scheduler, which asks the database before anything else.
    "beat": "-m celery --app todo_project beat --scheduler celery.beat:Scheduler",
    "relay": "manage.py relay_outbox",
    "consumers": "manage.py consume",
    "stream": "manage.py serve_stream",
}


def start(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python to its end, with nothing of this process's own settings."""
    inherited = {name: value for name, value in os.environ.items() if name not in env.asked}
    return subprocess.run(
        [sys.executable, *command.split()],
        cwd=CHECKOUT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ROLES)
def test_no_role_starts_unsafe_in_production(name: str) -> None:
    process = start(ROLES[name], **ENVIRONMENT | {"VAPID_SUBJECT": "mailto:operator@example.test"})
    assert process.returncode != 0
    said = [line for line in (process.stdout + process.stderr).splitlines() if "todo.E" in line]
    expected = (
        "The backend does not start: VAPID_SUBJECT is 'mailto:operator@example.test', which no one reads."
        " Set an address of a public domain where push services can reach you. (todo.E009)"
    )
    assert set(said) == {expected}


@pytest.mark.slow
def test_a_safe_production_starts_without_a_warning() -> None:
    checked = start(CHECK, **ENVIRONMENT)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == "System check identified no issues (3 silenced).\n"
    for module in ("todo_project.wsgi", "todo_project.celery"):
        started = start(f"-W error -c __import__('{module}')", **ENVIRONMENT)
        assert (started.returncode, started.stdout, started.stderr) == (0, "", "")


@pytest.mark.slow
def test_the_check_of_a_deployment_says_it_in_one_line() -> None:
    checked = start(CHECK, **ENVIRONMENT | {"REDIS_URL": "redis://store.example.org"})
    assert checked.returncode == 1
    (said,) = [line for line in checked.stderr.splitlines() if "todo." in line]
    assert said == (
        "?: (todo.E053) REDIS_URL is without TLS. Write rediss://:password@host:6379/0, or"
        " INSECURE_TRANSPORT_OK=redis on a private network."
    )


@pytest.mark.parametrize("name", ["EMAIL_URL", "DEFAULT_FROM_EMAIL"])
def test_production_without_mail_starts_and_is_warned(
    production: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "EMAIL_URL":
        monkeypatch.delenv(name)
    else:
        production.DEFAULT_FROM_EMAIL = "todo@example.test"
    assert found() == ["todo.W001"]
    refuse_unsafe_start()
