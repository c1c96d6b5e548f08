"""What each command hands on: arguments, exit codes, signals."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from devkit import launcher
from devkit.commands import lint, up
from devkit.commands.child import run_in_foreground
from devkit.embedded import StartError
from devkit.embedded.children import spawning
from devkit.embedded.places import CHECKOUT, Places
from devkit.embedded.services import Servers
from devkit.embedded.supervisor import Supervisor
from tests.devkit.conftest import environment_for, python_running, wait_until

CHILD = """
import signal, sys, time
def stop(number, frame):
    print("child got", number, flush=True)
    sys.exit(5)
signal.signal(signal.SIGTERM, stop)
print("child runs", flush=True)
time.sleep(600)
"""


TELLS_WHERE = """
import os
def test_where():
    print(os.environ["DATABASE_URL"], os.environ["REDIS_URL"])
    assert False
"""


def test_a_child_s_exit_code_is_ours(places: Places) -> None:
    environment = environment_for(places)
    assert run_in_foreground([sys.executable, "-c", "raise SystemExit(4)"], environment) == 4
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert run_in_foreground([sys.executable, "-c", killed], environment) == 128 + signal.SIGKILL


def test_a_signal_to_end_is_handed_on_and_handled_as_before_afterwards(places: Places) -> None:
    code = f"""
    import os
    from devkit.commands.child import run_in_foreground
    run_in_foreground([sys.executable, "-c", {CHILD!r}], os.environ) == 5 or sys.exit("wrong code")
    """
    places.make()
    log = places.logs / "out"
    with log.open("w") as output:
        parent = subprocess.Popen(
            [sys.executable, "-c", "import sys\n" + "\n".join(line.strip() for line in code.splitlines())],
            stdout=output,
            stderr=output,
            cwd=CHECKOUT,
            env=environment_for(places),
        )
    wait_until(lambda: "child runs" in log.read_text())
    parent.terminate()
    assert parent.wait(timeout=60) == 0, log.read_text()
    assert "child got 15" in log.read_text()


def test_what_cannot_start_is_one_line_and_exit_code_1(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TODO_DATA_DIR", str(places.data))
    holding = 'from devkit.embedded.claim import claim\nwith claim(places, command="up"):\n    hold()'
    with python_running(holding, places):
        assert launcher.main(["manage", "migrate"]) == 1
    assert capsys.readouterr().err.startswith(
        f"./todo: the data directory {places.data} is in use by `./todo up`"
    )


@pytest.mark.slow
def test_manage_without_an_instance_needs_no_servers_for_what_needs_no_database(
    places: Places, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TODO_DATA_DIR", str(places.data))
    migrations = ["makemigrations", "--check", "--dry-run"]
    for arguments in (["help"], ["migrate", "--help"], [], ["asyncapi"], migrations):
        assert launcher.main(["manage", *arguments]) == 0
    written = capfd.readouterr()
    assert "usage: manage.py migrate" in written.out
    assert "asyncapi: 3.0.0" in written.out
    assert "Warning" not in written.err
    assert not Path(places.data).exists()


class NotReady(BaseHTTPRequestHandler):
    """A web process whose relay never comes."""

    def do_GET(self) -> None:
        checks = {"database": "ok", "state_store": "does not answer", "relay": "no relay is active"}
        body = json.dumps({"checks": checks}).encode()
        self.send_response(503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Keep the terminal for the tests."""


@pytest.fixture
def never_ready() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), NotReady) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_up_that_does_not_become_ready_says_what_is_missing(
    places: Places,
    never_ready: int,
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(up, "READY_SECONDS", 0.5)
    monkeypatch.setattr(up, "SAY_AFTER_SECONDS", 0.1)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port}")  # not for addresses of this machine
    nothing = Servers(environment={})
    places.make()
    places.ready.mkdir()
    (places.ready / "worker").touch()
    with Supervisor(places, spawning(places, {})) as supervisor:
        with pytest.raises(StartError, match=r"not ready after 0\.5 seconds: .*no relay.* \(see .*logs\)"):
            up._wait_until_ready(places, up.Address("127.0.0.1", never_ready), supervisor, nothing)
        with pytest.raises(StartError, match=r"does not answer .*refused"):
            up._wait_until_ready(places, up.Address("127.0.0.1", free_port), supervisor, nothing)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == (
        "./todo: waiting: Redis or Valkey (REDIS_URL): does not answer; relay: no relay is active; "
        "ticker is not ready; beat is not ready"
    )
    assert len(said) == 2  # once for each start


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("example.test", "http://example.test:8000"),
    ],
)
def test_the_address_is_one_that_can_be_opened_on_this_machine(host: str, url: str) -> None:
    assert up.Address(host, 8000).url == url


def test_ctrl_c_before_a_command_handles_it_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(lint, "run", interrupted)
    assert launcher.main(["lint"]) == 130
    assert capsys.readouterr().err == "./todo: stopped.\n"


def test_lint_runs_every_check_and_fails_when_one_does(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    checks = {"good": ["true"], "bad": ["false"], "worse": ["sh", "-c", "exit 7"]}
    monkeypatch.setattr(lint, "CHECKS", checks)
    assert launcher.main(["lint"]) == 1
    output = capfd.readouterr().out
    assert [f"--- {name}" in output for name in checks] == [True, True, True]
    assert output.endswith("lint: failed: bad, worse\n")
    monkeypatch.setattr(lint, "CHECKS", {"good": ["true"]})
    assert launcher.main(["lint"]) == 0


@pytest.mark.slow
def test_the_tests_run_on_servers_of_their_own_and_pytest_s_exit_code_is_ours(
    places: Places, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    test = tmp_path / "test_where.py"
    test.write_text(TELLS_WHERE)
    done = subprocess.run(
        [sys.executable, "-m", "devkit.launcher", "test", "-p", "no:cacheprovider", "-q", str(test)],
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env=environment_for(places),
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "postgresql://todo@:5432/todo?host=" in done.stdout
    assert "redis://:" in done.stdout
    assert not places.data.exists()
