"""The API held against its own document by schemathesis: generated calls, good and bad, one after another.

The short run is among the slow tests. The full one, thousands of cases: `./todo test -m fuzz -s
tests/contract/test_schemathesis.py`; it writes what it found to schemathesis-report/.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts_app import sign_ins
from accounts_app.models import User
from notifications_app.models import PushSubscription
from tasks_app.models import Tag, Task
from tests.acceptance.web import ACCESS_FOR_A_DAY, UNLIMITED, Web, web
from todo_project.embedded.instance import new_vapid_key
from todo_project.embedded.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)

# Rules that JSON Schema cannot tell (a rule that is one, a time in the future, fields that exclude each
# other) make a 400 of what the document lets through. In a bulk that is not atomic, what is wrong with one
# operation is told in a 200. A refusal may be for something else (a stale If-Match: 412).
CONFIG = """
[checks.positive_data_acceptance]
enabled = false

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 411, 412, 413, 415, 422, 429]

[[operations]]
include-path = "/api/tasks/bulk"
checks.negative_data_rejection.enabled = false
"""


@pytest.fixture
def server(settings: Settings) -> Iterator[Web]:
    settings.VAPID_PRIVATE_KEY = new_vapid_key()
    with web(free_port(), **UNLIMITED, **ACCESS_FOR_A_DAY) as server:
        yield server


@pytest.fixture
def token(alice: User) -> str:
    alice.set_password("none of the examples")
    alice.is_staff = True
    alice.save()
    tag = Tag.objects.create(user=alice, name="home")
    for number in range(60):
        task = Task.objects.create(user=alice, title=f"task {number}")
        task.tags.add(tag)
    PushSubscription.objects.create(user=alice, endpoint="https://push.example.test/1")
    return sign_ins.sign_in(alice)["access"]


def call(server: Web, folder: Path, *options: str) -> dict[str, Any]:
    """The report of a run, printed too; AssertionError when a check failed."""
    report, config = folder / "report.json", folder / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"{server.url}/api/schema", "--no-color", "--warnings", "off"),
        *("--suppress-health-check", "all", "--continue-on-failure", "--generation-database", "none"),
        *("--report", "json", "--report-json-path", str(report), *options),
    ]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    print(run.stdout[-6000:])  # noqa: T201
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    found: dict[str, Any] = json.loads(report.read_text())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("signed_in", [True, False])
def test_a_minute_of_it(server: Web, token: str, tmp_path: Path, signed_in: bool) -> None:
    call(server, tmp_path, "--max-examples", "5", "--max-time", "30", "--seed", "1", *_as(token, signed_in))


@pytest.mark.fuzz
@pytest.mark.parametrize("signed_in", [True, False])
def test_all_of_it(server: Web, token: str, tmp_path: Path, signed_in: bool) -> None:
    call(server, tmp_path, "--max-examples", os.environ.get("FUZZ_EXAMPLES", "100"), *_as(token, signed_in))


def _as(token: str, signed_in: bool) -> list[str]:
    # Who erases the account is nobody from then on.
    erases = ("--exclude-operation-id", "me_destroy")
    return ["--header", f"Authorization: Bearer {token}", *erases] if signed_in else []
