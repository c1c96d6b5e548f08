"""The version stands in pyproject.toml, and whatever names it says the same."""

import json
import re
import subprocess

import pytest
from django.test import Client

from events_app.release import VERSION
from tests.deploy.files import CHECKOUT, loaded


def test_it_is_a_semantic_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_todo_says_it() -> None:
    said = subprocess.run([CHECKOUT / "todo", "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"todo {VERSION}\n"


@pytest.mark.parametrize("name", ["docs/openapi.yaml", "docs/asyncapi.yaml"])
def test_the_documents_name_it(name: str) -> None:
    assert loaded(name)["info"]["version"] == VERSION


def test_each_release_publishes_the_contract_of_its_events() -> None:
    assert loaded(f"docs/events/{VERSION}.yaml")["info"]["version"] == VERSION


@pytest.mark.django_db
def test_health_names_it() -> None:
    assert json.loads(Client().get("/healthz/ready").content)["version"] == VERSION


def test_the_chart_deploys_it() -> None:
    assert loaded("deploy/helm/todo/Chart.yaml")["appVersion"] == VERSION


def test_the_changelog_names_it() -> None:
    changes = (CHECKOUT / "CHANGELOG.md").read_text()
    assert f"## [{VERSION}]" in changes or f"The first release, {VERSION}." in changes


def test_the_licence_is_the_one_that_the_api_names() -> None:
    assert loaded("docs/openapi.yaml")["info"]["license"]["identifier"] == "MIT"
    assert (CHECKOUT / "LICENSE").read_text().startswith("MIT License\n")
