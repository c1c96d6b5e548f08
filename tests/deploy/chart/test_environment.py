"""Each container gets an environment that the backend starts with, in production, without a complaint."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.core.management import get_commands
from django.test import override_settings

from tests.deploy.chart.rendering import Document, containers, documents, of_kind, set_named
from tests.deploy.chart.values import CHART, EVERYTHING, PROD, SETS, merged
from tests.emptying import Flush
from todo_project import settings as project
from todo_project.checks import TAG

ROOT = Path(__file__).parents[3]
SETTINGS_FILE = ROOT / "todo_project/settings.py"
POD_IP = "10.244.1.17"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())["properties"]
# What a pod's containers have, and a developer's machine is set by.
ALWAYS = {"PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV"}
# Refused in production; a value of its own, which excludes another one; what the image says.
NOT_FOR_THE_CHART = {"PUSH_ALLOW_INSECURE_ENDPOINTS", "AUTH_JWKS_URL", "STATIC_ROOT"}

# With secrets by value, so that the test knows them; values-prod.yaml reads them from an existing Secret.
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
    return made | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}  # the image makes it


def of_the_backend(found: list[Document]) -> Iterator[tuple[str, Document]]:
    for name, _spec, container in containers(found):
        if not name.endswith("-frontend"):
            yield name, container


@pytest.fixture
def started_with(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Gives the project the settings that it would have in this environment."""
    logging = structlog.get_config()

    @contextmanager
    def started(variables: dict[str, str]) -> Iterator[None]:
        with monkeypatch.context() as patched:
            for name in set(os.environ) - ALWAYS:
                patched.delenv(name)
            for name, value in variables.items():
                patched.setenv(name, value)
            found = runpy.run_path(str(SETTINGS_FILE))
            ours = {name: value for name, value in found.items() if name.isupper()}
            # The tests' own database stays, with the options of the one that the variables name.
            options = ours.pop("DATABASES")["default"]["OPTIONS"]
            patched.setitem(settings.DATABASES["default"], "OPTIONS", options)
            del ours["LOGGING"]
            # The same in each environment. Set again, it has Django forget the tests' way to empty tables.
            assert ours.pop("INSTALLED_APPS") == settings.INSTALLED_APPS
            with override_settings(**ours):
                yield

    yield started
    structlog.configure(**logging)


def errors(process: str = "todo-backend") -> list[CheckMessage]:
    """Of our own checks, those that this process runs at its start."""
    found = run_checks(tags=[TAG], include_deployment_checks=process == "todo-backend")
    return [each for each in found if each.is_serious()]


@pytest.mark.parametrize("name", ["default", "prod", "dapr", "everything", "one-host"])
def test_no_process_refuses_to_start(name: str, started_with: Any, tmp_path: Path) -> None:
    found = documents(PROD_WITH_SECRETS if name == "prod" else SETS[name])
    complaints = []
    for process, container in of_the_backend(found):
        with started_with(environment(found, container, tmp_path)):
            complaints += [(process, each.msg) for each in errors(process)]
    assert complaints == []


def test_other_tests_keep_their_own_flush(started_with: Any, tmp_path: Path) -> None:
    """Django's own leaves no priorities behind, and a later test in this process would fail."""
    found = set_named("default")
    with started_with(environment(found, dict(of_the_backend(found))["todo-backend"], tmp_path)):
        pass
    assert isinstance(get_commands()["flush"], Flush)


def test_a_wrong_environment_would_be_seen(started_with: Any, tmp_path: Path) -> None:
    """The check itself: without one of these variables a process refuses."""
    found = set_named("default")
    container = dict(of_the_backend(found))["todo-backend"]
    complete = environment(found, container, tmp_path)
    needed = [
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "VAPID_PRIVATE_KEY",
        "VAPID_SUBJECT",
        "TRUSTED_PROXIES",
    ]
    for variable in needed:
        with started_with({name: value for name, value in complete.items() if name != variable}):
            assert errors(), variable


@pytest.mark.slow
def test_check_deploy_says_nothing(tmp_path: Path) -> None:
    """By the command itself, in an environment of its own, with values-prod.yaml."""
    found = documents(PROD_WITH_SECRETS)
    container = dict(of_the_backend(found))["todo-backend"]
    variables = environment(found, container, tmp_path) | {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-W", "error", "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    ended = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_hosts_and_addresses_follow_from_the_host(started_with: Any, tmp_path: Path) -> None:
    found = set_named("everything")
    with started_with(environment(found, dict(of_the_backend(found))["todo-backend"], tmp_path)):
        assert settings.PUBLIC_URL == "https://todo.to-do-service.dev"
        assert settings.STREAM_URL == "https://todo.to-do-service.dev/api/stream"
        assert settings.AUTH_JWT_ISSUER == settings.AUTH_JWT_AUDIENCE == "https://app.to-do-service.dev"
        assert settings.CORS_ALLOWED_ORIGINS == ["https://app.to-do-service.dev"]
        assert {"todo.to-do-service.dev", "todo-backend.live.svc", POD_IP} <= set(settings.ALLOWED_HOSTS)
        assert settings.TASKS_PER_USER == 1_000_000
        assert settings.KAFKA_SECURITY["sasl.mechanism"] == "SCRAM-SHA-256"


def test_each_process_uses_its_sidecar_for_what_it_does(started_with: Any, tmp_path: Path) -> None:
    """The relay publishes one way only; topics are made by Kafka itself."""
    found = set_named("dapr")
    uses, with_kafka = {}, set()
    for name, container in of_the_backend(found):
        with started_with(environment(found, container, tmp_path)):
            uses[name.removeprefix("todo-")] = set(settings.DAPR)
            if settings.KAFKA_BOOTSTRAP_SERVERS:
                with_kafka.add(name)
    assert uses.pop("relay") == {"publish", "state"}
    assert uses.pop("backend") == {"subscribe", "state"}
    assert uses.pop("migrate") == set()
    assert set(map(frozenset, uses.values())) == {frozenset({"state"})}
    assert "todo-migrate" in with_kafka
    assert "todo-relay" not in with_kafka


def test_every_setting_can_be_set() -> None:
    """A new one needs a line in values.schema.json, or a value of its own; one that is gone needs none."""
    given: set[str] = set()
    for found in (set_named("everything"), set_named("dapr")):
        for one in of_kind(found, "ConfigMap"):
            given |= set(one["data"])
        for _process, container in of_the_backend(found):
            given |= {entry["name"] for entry in container["env"]}
    settable = given | set(SCHEMA["config"]["properties"]) | set(SCHEMA["secrets"]["properties"])
    assert set(project.env.asked) - settable - NOT_FOR_THE_CHART == set()


def test_config_names_settings_only() -> None:
    elsewhere = {"WEB_CONCURRENCY", "TODO_REVISION"}  # read by the Procfile and by the metrics
    assert set(SCHEMA["config"]["properties"]) - elsewhere <= set(project.env.asked)
