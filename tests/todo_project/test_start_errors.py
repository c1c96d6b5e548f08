"""What is wrong outside of the program is one line for the person that starts it, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from devkit.embedded import EXPLAINED
from devkit.embedded.ports import free_port
from todo_project.environment import Environment

CHECKOUT = Path(__file__).resolve().parents[2]
SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "postgres//nowhere",
            "DATABASE_URL names no PostgreSQL: write postgresql://user:password@host:5432/name.",
        ),
        ("", "DATABASE_URL names no PostgreSQL"),
        (f"mysql://todo:{SECRET}@db/todo", "DATABASE_URL names no PostgreSQL"),
        ("sqlite:///todo.db", "DATABASE_URL names no PostgreSQL"),
        (f"postgresql://todo:{SECRET}@db:port/todo", "DATABASE_URL cannot be read: Port could not be cast"),
        (f"postgresql://todo:{SECRET}@[::1/todo", "DATABASE_URL cannot be read: "),
        ("postgresql://db.example.test", "DATABASE_URL names no database: write postgresql://"),
    ],
)
def test_a_database_url_that_is_wrong(monkeypatch: pytest.MonkeyPatch, url: str, said: str) -> None:
    monkeypatch.setitem(os.environ, "DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured) as refused:
        Environment().postgres("DATABASE_URL", default="")
    assert str(refused.value).startswith(said)
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_any_variable_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_CONNECTIONS", "many")
    monkeypatch.setenv("EMAIL_URL", "smtp://mail.example.test:port")
    env = Environment()
    with pytest.raises(ImproperlyConfigured, match=r"^STREAM_CONNECTIONS cannot be read: .*many"):
        env.int("STREAM_CONNECTIONS", default=1)
    with pytest.raises(ImproperlyConfigured, match=r"^EMAIL_URL cannot be read: "):
        env.email_url("EMAIL_URL", default="smtp://")
    assert env.asked == {"STREAM_CONNECTIONS", "EMAIL_URL"}


@pytest.mark.slow
@pytest.mark.parametrize("command", ["manage.py check", "-c __import__('todo_project.rsgi')"])
def test_an_empty_folder_for_metrics_is_none(command: str, tmp_path: Path) -> None:
    """prometheus_client would write into the current one, and fail where that cannot be written to."""
    surroundings = {"TODO_ENV": "development", "PROMETHEUS_MULTIPROC_DIR": "", "PYTHONPATH": str(CHECKOUT)}
    (tmp_path / "manage.py").symlink_to(CHECKOUT / "manage.py")
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=tmp_path,
        env=os.environ | surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["manage.py"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://db/todo", "manage.py: DATABASE_URL names no PostgreSQL: write "),
        (
            "postgresql://todo@127.0.0.1:{free_port}/todo",
            "manage.py: PostgreSQL does not answer (DATABASE_URL): ",
        ),
    ],
)
@pytest.mark.parametrize("command", ["migrate", "prepare"])
def test_a_command_says_so_in_one_line(url: str, said: str, command: str) -> None:
    environment = os.environ | {"TODO_ENV": "development", "DATABASE_URL": url.format(free_port=free_port())}
    arguments = ["manage.py", "migrate"] if command == "migrate" else ["-m", "devkit.commands.prepare"]
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (1 if command == "migrate" else EXPLAINED)
    said = said if command == "migrate" else said.removeprefix("manage.py: ")
    lines = [line for line in done.stderr.splitlines() if "Warning" not in line and "warn" not in line]
    assert lines[-1].startswith(said)
    assert "Traceback" not in done.stderr
