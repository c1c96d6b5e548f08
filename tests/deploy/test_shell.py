"""shellcheck finds nothing in the shell of this project: the scripts, and what workflows run."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.files import CHECKOUT
from tests.deploy.pipeline import CI, DEPLOY

SHELLCHECK = Path(sys.prefix) / "bin" / "shellcheck"


def scripts() -> list[str]:
    """Every file of the project that begins as a shell script does."""
    look = ["git", "grep", "-lIE", "^#!.*[/ ](ba)?sh$"]
    return subprocess.run(look, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split()


def check(*arguments: object, given: str | None = None) -> str:
    command = [str(SHELLCHECK), *map(str, arguments)]
    done = subprocess.run(command, cwd=CHECKOUT, input=given, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_scripts() -> None:
    assert {"todo", ".ci/run", ".ci/oldest", "deploy/container/start"} <= set(scripts())
    assert check(*scripts()) == ""


@pytest.mark.parametrize("workflow", [CI, DEPLOY], ids=["ci", "deploy"])
def test_what_workflows_run(workflow: dict[str, dict[str, dict[str, list[dict[str, str]]]]]) -> None:
    """All in one, each in a shell of its own."""
    runs = [
        step["run"] for job in workflow["jobs"].values() for step in job.get("steps", []) if "run" in step
    ]
    assert len(runs) >= 2
    whole = "".join(f"(\n{run}\n)\n" for run in runs)
    assert check("--shell", "bash", "-", given=whole) == ""


def test_it_finds_something() -> None:
    assert "SC2086" in check("--shell", "bash", "-", given="echo $1")
