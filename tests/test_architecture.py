"""The house rules that a machine can hold."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = [
    "devkit",
    "recurrence",
    *(app.name for app in apps.get_app_configs() if (ROOT / app.name).is_dir()),
]


def test_imports_run_one_way_and_in_no_circle() -> None:
    # A process of its own: it configures logging, and would disable the loggers of the tests that follow.
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.django_db
def test_every_model_has_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_migrations_are_named_for_what_they_do() -> None:
    assert [path.name for path in ROOT.glob("*/migrations/*_auto_*.py")] == []


@pytest.mark.parametrize(
    ("library", "doors"),
    [
        (
            "redis",
            {
                "state_store/client.py",
                "state_store/redis_values.py",
                "state_store/task_updates.py",
                "state_store/conversations.py",
                "state_store/wake_up.py",
                "state_store/cache.py",  # the same, behind Django's cache framework
                "notifications_app/hints.py",  # its errors, when Celery cannot reach it
                "devkit/embedded/valkey.py",
            },
        ),
        ("confluent_kafka", {"events_app/kafka.py"}),
        ("pydantic_ai", {"chat_app/provider.py"}),
        ("pywebpush", set()),  # benchmarks compare with it
        ("mcp", {"chat_app/mcp/server.py", "chat_app/mcp/guest.py"}),
    ],
)
def test_each_outside_concern_has_its_door(library: str, doors: set[str]) -> None:
    importing = {name for name, module in imported() if module.split(".")[0] == library}
    assert importing <= doors


LOCAL_TIME_IN_SQL = re.compile(
    r"(?i:\bat time zone\b|\bdate_(?:trunc|part|bin)\b|::date\b|\bas date\)|\bto_char\b|\bcurrent_date\b)"
    r"|\b(?:Trunc|Extract)(?:[A-Z][a-z]+)?\(|__(?:date|time|year|month|day|week|week_day|hour|minute)\b"
)


def test_no_sql_computes_local_time() -> None:
    """PostgreSQL has zone data of its own, of another release than the pinned package's."""
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for match in LOCAL_TIME_IN_SQL.finditer(path.read_text())
    }
    assert found == set()


@pytest.mark.django_db
def test_the_clock_of_a_connection_is_utc() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW TimeZone")
        assert cursor.fetchone() == ("UTC",)


def test_the_documents_that_code_points_at_are_there() -> None:
    files = [
        path for package in [*PACKAGES, "benchmarks", "tests"] for path in (ROOT / package).rglob("*.py")
    ]
    texts = [path.read_text() for path in files]
    named = {name for text in texts for name in re.findall(r"\bdocs/[\w./-]+\.(?:md|yaml)\b", text)}
    assert len(named) > 10
    assert {name for name in named if not (ROOT / name).exists()} == set()


def imported() -> Iterator[tuple[str, str]]:
    """(file, module) of every import in the project's own packages."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
                yield from ((str(path.relative_to(ROOT)), name) for name in names)
