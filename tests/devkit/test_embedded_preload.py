"""What the launcher loads can be forked: it has started nothing, and the roles find all of it there."""

import subprocess
import sys
from pathlib import Path

import pytest

from devkit.embedded.children import run_python
from devkit.embedded.places import CHECKOUT, Places
from tests.devkit.conftest import environment_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="roles are forks on Linux only")

PRELOAD = """
import os, sys
from devkit.embedded import StartError
from devkit.embedded.preload import preload
try:
    preload(dict(part.split("=", 1) for part in sys.argv[1:]))
except StartError as error:
    sys.exit(str(error))
from django.db import connections
print(len(os.listdir("/proc/self/task")), [c.connection for c in connections.all(initialized_only=True)])
"""


def preload(places: Places, **environment: str) -> subprocess.CompletedProcess[str]:
    arguments = [f"{name}={value}" for name, value in ({"TODO_ENV": "development"} | environment).items()]
    return subprocess.run(
        [sys.executable, "-c", PRELOAD, *arguments],
        cwd=CHECKOUT, env=environment_for(places), capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_it_has_one_thread_and_no_connection(places: Places) -> None:
    loaded = preload(places)
    assert loaded.returncode == 0, loaded.stderr
    threads, connections = loaded.stdout.split(maxsplit=1)
    assert threads == "1"
    assert set(eval(connections)) <= {None}


@pytest.mark.slow
def test_what_a_check_refuses_is_said_once(places: Places) -> None:
    refused = preload(places, REDIS_URL="http://localhost")
    assert refused.returncode == 1
    assert refused.stderr.count("(todo.E012)") == 1
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_what_only_the_web_cannot_do_without_is_said_too(places: Places) -> None:
    refused = preload(places, METRICS_TOKEN="a token of a good length, for metrics")
    assert refused.returncode == 1
    assert refused.stderr.count("(todo.E018)") == 1
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_settings_that_cannot_be_read_are_one_line(places: Places) -> None:
    refused = preload(places, LOG_FORMAT="xml")
    assert refused.stderr == ("LOG_FORMAT is 'xml'; it must be json or console.\n")


def test_a_fork_does_what_the_command_line_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "role.py").write_text("import sys\nprint(__name__, *sys.argv[1:])\n")
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.delenv("HOST", raising=False)
    run_python(f'python {tmp_path}/role.py --host "${{HOST:-127.0.0.1}}" --port "${{PORT:-8000}}"')
    monkeypatch.syspath_prepend(tmp_path)
    run_python("python -m role")
    assert capsys.readouterr().out == "__main__ --host 127.0.0.1 --port 9000\n__main__\n"


HOLES = """
import sys
from devkit.embedded.preload import fill_holes

size = int(sys.argv[1])

def new(count):
    return [bytes(size + 1) if size else object() for _ in range(count)]

objects = new(1_000)
holes = {id(one) for one in objects[::2]}
del objects[::2]
assert holes & {id(one) for one in new(100)}, "there are no holes to land in"
kept = fill_holes()
assert not holes & {id(one) for one in new(100)}, "an object landed in a hole"
assert len(kept) >= len(holes)
"""


@pytest.mark.parametrize("size", [0, 100, 400, 2_000])
def test_new_objects_land_in_no_hole_of_a_page(size: int) -> None:
    # In a process of its own: one that has run thousands of tests has more holes than are filled.
    done = subprocess.run(
        [sys.executable, "-c", HOLES, str(size)], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
