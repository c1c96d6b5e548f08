"""A sidecar calls the web by its address, whatever name clients use."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

SETTINGS = Path(__file__).parents[2] / "todo_project/settings.py"
NAMED = ["todo.example.org", "127.0.0.1"]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def settings_with(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, Any]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(SETTINGS))


def test_with_its_token_the_addresses_of_this_machine_are_hosts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_with(monkeypatch, ALLOWED_HOSTS=",".join(NAMED), APP_API_TOKEN="x" * 20)
    assert found["ALLOWED_HOSTS"] == [*NAMED, "localhost", "[::1]"]
    assert found["PUBLIC_URL"] == "https://todo.example.org"


@pytest.mark.parametrize("variables", [{}, {"ALLOWED_HOSTS": "", "APP_API_TOKEN": "x" * 20}])
def test_otherwise_the_hosts_are_those_that_are_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """None at all is what production refuses, and must not be hidden."""
    given = {"ALLOWED_HOSTS": ",".join(NAMED), "APP_API_TOKEN": ""} | variables
    found = settings_with(monkeypatch, **given)
    assert found["ALLOWED_HOSTS"] == [host for host in given["ALLOWED_HOSTS"].split(",") if host]


def test_nothing_of_dapr_is_on_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAPR", "APP_API_TOKEN", "DAPR_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    found = settings_with(monkeypatch)
    assert (found["DAPR"], found["APP_API_TOKEN"], found["DAPR_HTTP_PORT"]) == ([], "", 3500)
