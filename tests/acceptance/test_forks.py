"""What the fork server of the tests starts is like any process, and brings nothing that a setting decides."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.forks import Fork, server

pytestmark = pytest.mark.slow

SAY_ALL = """
import json, os, sys, threading
from django.conf import settings
from django.apps import apps
print("first", flush=True)
os.write(2, b"second\\n")
print(json.dumps({
    "name": __name__,
    "arguments": sys.argv[1:],
    "environment": dict(os.environ),
    "leads its session": os.getsid(0) == os.getpid(),
    "threads": threading.active_count(),
    "settings": settings.configured or apps.models_ready,
    # It looks at PROMETHEUS_MULTIPROC_DIR when it is imported.
    "metrics": "prometheus_client.values" in sys.modules,
}))
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Fork]:
    """`program(text, ...)`: a process that runs this text with these arguments."""

    def start(text: str, arguments: str = "", **environment: str) -> Fork:
        (tmp_path / "program.py").write_text(text)
        with (tmp_path / "output").open("wb") as output:
            return server().start(f"python {tmp_path}/program.py {arguments}", environment, output.fileno())

    return start


def test_it_has_what_it_is_given_and_nothing_that_a_setting_decides(
    program: Callable[..., Fork], tmp_path: Path
) -> None:
    assert program(SAY_ALL, '--port "${PORT:-8000}" --host "${HOST:-127.0.0.1}"', PORT="9000").wait(60) == 0
    first, second, said = (tmp_path / "output").read_text().splitlines()
    assert (first, second) == ("first", "second")
    assert json.loads(said) == {
        "name": "__main__",
        "arguments": ["--port", "9000", "--host", "127.0.0.1"],
        "environment": {"PORT": "9000"},
        "leads its session": True,
        "threads": 1,
        "settings": False,
        "metrics": False,
    }


def test_its_end_is_told_as_it_was(program: Callable[..., Fork], tmp_path: Path) -> None:
    assert program("import sys; sys.exit(3)").wait(60) == 3
    assert program("import sys; sys.exit('refused')").wait(60) == 1
    assert (tmp_path / "output").read_text() == "refused\n"
    assert program("1 / 0").wait(60) == 1
    assert "ZeroDivisionError" in (tmp_path / "output").read_text()
    assert program("import atexit; atexit.register(print, 'the end')").wait(60) == 0
    assert (tmp_path / "output").read_text() == "the end\n"


def test_it_is_killed_alone(program: Callable[..., Fork]) -> None:
    sleeps = "import time; time.sleep(600)"
    killed, other = program(sleeps), program(sleeps)
    assert (killed.poll(), other.poll()) == (None, None)
    with pytest.raises(subprocess.TimeoutExpired):
        killed.wait(0.05)
    killed.kill()
    assert killed.wait(60) == -signal.SIGKILL
    killed.kill()  # nothing any more
    assert other.poll() is None
    other.terminate()
    assert other.wait(60) == -signal.SIGTERM
