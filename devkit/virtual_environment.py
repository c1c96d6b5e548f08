"""Makes `.venv` from the lock files. Run by `./todo` with the machine's own Python: standard library only.

`.venv/installed-<lock file>` is a copy of the lock that was installed last: the environment is current
while the two are equal. It is written last, so an environment without it is incomplete and is created again.
"""

import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from filecmp import cmp
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

# Nothing is compiled on a stranger's machine. The exception is pure Python, published as source only.
WHEELS_ONLY = ["--only-binary=:all:", "--no-binary=http-ece"]


class InstallError(Exception):
    """The environment cannot be made; the text says why, in one line."""


def main(locks: list[str]) -> int:
    """Bring `.venv` up to the given lock files; 0 when it is, 1 with a line on stderr when it cannot be."""
    try:
        make_current(CHECKOUT, locks)
    except InstallError as failure:
        sys.stderr.write(f"./todo: {failure}\n")
        return 1
    return 0


def make_current(checkout: Path, locks: list[str]) -> None:
    """Make or update `checkout/.venv`; two calls at once wait for each other.

    Raises InstallError when the folder cannot be written or a package cannot be installed.
    """
    if not os.access(checkout, os.W_OK):
        raise InstallError(f"cannot write to {checkout}, where .venv belongs.")
    venv = checkout / ".venv"
    with _one_at_a_time(checkout):
        outdated = [lock for lock in locks if not _is_installed(checkout / lock, venv)]
        if not outdated:
            return
        sys.stderr.write("./todo: installing packages into .venv (a minute or so, this once) ...\n")
        if not (_python(venv).exists() and _stamp(venv, locks[0]).exists()):
            _create(venv)
        _install(venv, [checkout / lock for lock in outdated])


@contextmanager
def _one_at_a_time(checkout: Path) -> Iterator[None]:
    folder = os.open(checkout, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _python(venv: Path) -> Path:
    return venv / "bin" / "python"


def _stamp(venv: Path, lock: str) -> Path:
    return venv / f"installed-{lock}"


def _is_installed(lock: Path, venv: Path) -> bool:
    stamp = _stamp(venv, lock.name)
    return _python(venv).exists() and stamp.exists() and cmp(lock, stamp, shallow=False)


def _create(venv: Path) -> None:
    shutil.rmtree(venv, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True)  # noqa: S603
    if made.returncode:
        raise InstallError(
            f"{sys.executable} cannot make a virtual environment (on Debian and Ubuntu its package "
            f"python3-venv is needed): {_last_line(made.stdout + made.stderr)}"
        )


def _install(venv: Path, locks: list[Path]) -> None:
    for lock in locks:
        _stamp(venv, lock.name).unlink(missing_ok=True)
    files = [argument for lock in locks for argument in ("-r", str(lock))]
    pip = [str(_python(venv)), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run(  # noqa: S603
        [*pip, "--no-deps", "--require-hashes", *WHEELS_ONLY, *files], stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise InstallError(explain(done.stderr))
    for lock in locks:
        shutil.copyfile(lock, _stamp(venv, lock.name))


def explain(errors: str) -> str:
    """One line for what pip said on stderr."""
    if re.search(r"connection broken|NewConnectionError|Name or service not known", errors):
        return f"pip cannot reach the package index: {_last_line(errors)}"
    if missing := re.search(r"No matching distribution found for (\S+)", errors):
        return (
            f"there is no wheel of {missing[1]} for this platform "
            f"({platform.platform()}, Python {platform.python_version()})."
        )
    return f"pip failed: {_last_line(errors)}"


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason given"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
