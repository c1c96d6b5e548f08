"""Each container gets an environment that the backend starts with, in production, without a complaint."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.core.checks import run_checks
from pytest_django import Settings

from tests.deploy.chart.rendering import Document, containers, documents, of_kind
from tests.deploy.chart.values import CHART, DAPR, EVERYTHING, MORE_SECRETS, PROD, SETS, merged
from todo_project import settings as project
from todo_project.checks import TAG

ROOT = Path(__file__).parents[3]
SETTINGS_FILE = ROOT / "todo_project/settings.py"
POD_IP = "10.244.1.17"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())["properties"]
# What a pod's containers have, and a developer's machine is set by.
ALWAYS = {"PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV"}
# Read by the settings, and nothing that a deployment by this chart would set.
NOT_FOR_THE_CHART = {"PUSH_ALLOW_INSECURE_ENDPOINTS", "METRICS_PORT", "METRICS_HOST"}

# With secrets by value, so that the test knows them: what values-prod.yaml reads from an existing Secret.
PROD_WITH_SECRETS = merged(
    PROD,
    {"existingSecret": "", "secrets": EVERYTHING["secrets"] | {"GEMINI_API_KEY": "kN8vR2xQ5tW9yZ3b"}},
)


def environment(found: list[Document], container: Document, folder: Path) -> dict[str, str]:
    """As the kubelet makes it: of the ConfigMap first, then each entry, with $(NAME) of those before it."""
    made: dict[str, str] = {}
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind(found, "ConfigMap")}
    secrets = {one["metadata"]["name"]: one["stringData"] for one in of_kind(found, "Secret")}
    for source in container["envFrom"]:
        made |= maps[source["configMapRef"]["name"]]
    for entry in container["env"]:
        if "value" in entry:
            value = entry["value"].replace("$(POD_IP)", made.get("POD_IP", "$(POD_IP)"))
        elif "fieldRef" in entry["valueFrom"]:
            value = POD_IP
        else:
            reference = entry["valueFrom"]["secretKeyRef"]
            value = secrets[reference["name"]][reference["key"]]
        made[entry["name"]] = value
    return made | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}  # /run/todo is not here


def of_the_backend(found: list[Document]) -> Iterator[tuple[str, Document]]:
    for name, _spec, container in containers(found):
        if not name.endswith("-frontend"):
            yield name, container


@pytest.fixture
def started_with(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Gives the project the settings that it would have in this environment."""
    logging = structlog.get_config()

    def start(variables: dict[str, str]) -> set[str]:
        """The names of the variables that the settings have asked for."""
        for name in set(os.environ) - ALWAYS:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        found = runpy.run_path(str(SETTINGS_FILE))
        for name, value in found.items():
            if name.isupper() and name not in ("LOGGING", "DATABASES"):
                setattr(settings, name, value)
        monkeypatch.setitem(
            settings.DATABASES["default"], "OPTIONS", found["DATABASES"]["default"]["OPTIONS"]
        )
        asked: set[str] = found["env"].asked
        return asked

    yield start
    structlog.configure(**logging)


@pytest.mark.parametrize("name", ["default", "prod", "dapr", "everything", "one-host"])
def test_no_process_refuses_to_start(name: str, started_with: Any, tmp_path: Path) -> None:
    found = documents(PROD_WITH_SECRETS if name == "prod" else SETS[name])
    complaints = []
    for container, spec in of_the_backend(found):
        started_with(environment(found, spec, tmp_path))
        complaints += [
            (container, each.id, each.msg)
            for each in run_checks(tags=[TAG], include_deployment_checks=True)
            if each.is_serious()
        ]
    assert complaints == []


def test_a_wrong_environment_would_be_seen(started_with: Any, tmp_path: Path) -> None:
    """The check itself: without one of these variables each process refuses."""
    found = documents(SETS["default"])
    name, container = next(of_the_backend(found))
    for variable in (
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "VAPID_PRIVATE_KEY",
        "VAPID_SUBJECT",
        "TRUSTED_PROXIES",
    ):
        variables = environment(found, container, tmp_path)
        del variables[variable]
        started_with(variables)
        assert any(each.is_serious() for each in run_checks(tags=[TAG], include_deployment_checks=True)), (
            variable
        )


@pytest.mark.slow
def test_check_deploy_says_nothing(tmp_path: Path) -> None:
    """By the command itself, in an environment of its own, with values-prod.yaml."""
    found = documents(PROD_WITH_SECRETS)
    container = dict(of_the_backend(found))["todo-backend"]
    variables = environment(found, container, tmp_path) | {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-W", "error", "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    ended = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_hosts_and_addresses_follow_from_the_host(
    started_with: Any, settings: Settings, tmp_path: Path
) -> None:
    found = documents(EVERYTHING)
    started_with(environment(found, dict(of_the_backend(found))["todo-backend"], tmp_path))
    assert settings.PUBLIC_URL == "https://todo.to-do-service.dev"
    assert settings.STREAM_URL == "https://todo.to-do-service.dev/api/stream"
    assert settings.AUTH_JWT_ISSUER == settings.AUTH_JWT_AUDIENCE == "https://app.to-do-service.dev"
    assert settings.CORS_ALLOWED_ORIGINS == ["https://app.to-do-service.dev"]
    assert {"todo.to-do-service.dev", "todo-backend.live.svc", POD_IP} <= set(settings.ALLOWED_HOSTS)
    assert settings.TASKS_PER_USER == 1_000_000
    assert settings.KAFKA_SECURITY["sasl.mechanism"] == "SCRAM-SHA-256"
    assert settings.ASSISTANT_MODEL == "openai:gpt-5-mini"


def test_topics_are_made_by_kafka_even_if_a_sidecar_publishes(
    started_with: Any, settings: Settings, tmp_path: Path
) -> None:
    found = documents(DAPR)
    for name, container in of_the_backend(found):
        started_with(environment(found, container, tmp_path))
        assert bool(settings.KAFKA_BOOTSTRAP_SERVERS) == (name == "todo-migrate"), name


def test_every_setting_can_be_set(started_with: Any, tmp_path: Path) -> None:
    """A new one needs a line in values.schema.json, or a value of its own; one that is gone needs none."""
    found = documents(EVERYTHING) + documents(DAPR)
    given = {name for _, one in of_the_backend(found) for name in environment(found, one, tmp_path)}
    settable = given | set(SCHEMA["config"]["properties"]) | set(SCHEMA["secrets"]["properties"])
    asked = set(project.env.asked)
    missing = asked - settable - NOT_FOR_THE_CHART - {"AUTH_JWKS_URL"}
    assert missing == set()


def test_config_names_settings_only() -> None:
    """Those that no setting of today reads are read elsewhere."""
    elsewhere = {"WEB_CONCURRENCY", "TODO_REVISION"}
    assert set(SCHEMA["config"]["properties"]) - elsewhere <= set(project.env.asked) | {
        "DAPR_HTTP_PORT",
        "DAPR_TIMEOUT_SECONDS",
    }


def test_secrets_of_the_tests_are_all_there_are() -> None:
    known = {
        *EVERYTHING["secrets"],
        *MORE_SECRETS,
        "GEMINI_API_KEY",
        "ANTHROPIC_API_KEY",
        "SECRET_KEY_FALLBACKS",
    }
    assert set(SCHEMA["secrets"]["properties"]) == known
