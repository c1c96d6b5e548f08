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
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from filecmp import cmp
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

# Nothing is compiled on a stranger's machine. The exception is pure Python, published as source only.
WHEELS_ONLY = ["--only-binary=:all:", "--no-binary=http-ece"]


_LINE_EVERY_SECONDS = 5.0
_REQUIREMENT = re.compile(r"^[\w.-]+(?:\[.*\])?==", re.MULTILINE)
_MISSING = re.compile(r"No matching distribution found for (\S+)")
# What pip writes when it cannot read the index, before it says that there is no such package.
_INDEX_AWAY = re.compile(
    r"^.*(?:connection broken|Could not fetch URL|not a trusted or secure host|Read timed out|"
    r"Name or service not known|Connection reset).*$",
    re.MULTILINE,
)
_REASON = re.compile(
    r"\[Errno[^]]*\] [\w ]+|\d{3} (?:Client|Server) Error|too many \d{3} error responses|\[SSL[^]]*\] [\w ]+|"
    r"not a trusted or secure host|Read timed out|Connection reset"
)


class InstallError(Exception):
    """The environment cannot be made; the text says why, in one line."""


def main(locks: list[str]) -> int:
    """Bring `.venv` up to the given lock files; 0 when it is, 1 with a line on stderr when it cannot be."""
    try:
        make_current(CHECKOUT, locks)
    except InstallError as failure:
        sys.stderr.write(f"./todo: {failure}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\n./todo: stopped while installing; the next start installs again.\n")
        return 130
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
        sys.stderr.write("./todo: installing packages into .venv (some 400 MB, a minute or two, once) ...\n")
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
    total = sum(len(_REQUIREMENT.findall(lock.read_text())) for lock in locks)
    code, said = _run_pip(venv, ["install", "--no-deps", "--require-hashes", *WHEELS_ONLY, *files], total)
    if code:
        if missing := _MISSING.search(said):  # pip says why only if it is asked to
            look = ["download", "-vv", "--no-deps", *WHEELS_ONLY, "--dest", str(venv), missing[1]]
            said += _run_pip(venv, look, total)[1]
        raise InstallError(explain(said))
    for lock in locks:
        shutil.copyfile(lock, _stamp(venv, lock.name))


def _run_pip(venv: Path, arguments: list[str], total: int) -> tuple[int, str]:
    """Run pip, showing how far it is of `total` packages; its exit code and what it wrote."""
    pip = [str(_python(venv)), "-m", "pip", "--disable-pip-version-check", "--no-color"]
    lines: list[str] = []
    progress = Progress(total)
    with subprocess.Popen(  # noqa: S603
        [*pip, *arguments, "--progress-bar=off"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Installing collected packages"):
                _watch(venv, process, progress)
            else:
                progress.take(line)
    progress.end()
    return process.returncode, "".join(lines)


def _watch(venv: Path, process: "subprocess.Popen[str]", progress: "Progress") -> None:
    """pip is silent while it installs what it has fetched, so we look at what is there."""
    while process.poll() is None:
        progress.say("installing", len(list(venv.glob("lib/python*/site-packages/*.dist-info"))))
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)


class Progress:
    """One line on stderr that says how far it is; where that is no terminal, a line every few seconds."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._total = total
        self._fetched = 0
        self._is_terminal = sys.stderr.isatty()
        self._last = clock()

    def take(self, line: str) -> None:
        """Count a line of pip's."""
        if line.startswith("Collecting "):
            self._fetched += 1
            self.say("fetching", self._fetched, line.split()[1].partition("==")[0])
        elif "Retrying" in line:
            self.say("the package index does not answer, trying again; fetching", self._fetched)

    def say(self, what: str, number: int, name: str = "") -> None:
        text = f"./todo: {what} package {min(number, self._total)} of {self._total} {name}".rstrip()
        if self._is_terminal:
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()
        elif self._clock() - self._last > _LINE_EVERY_SECONDS:
            self._last = self._clock()
            sys.stderr.write(f"{text}\n")

    def end(self) -> None:
        if self._is_terminal:
            sys.stderr.write("\r\033[K")


def explain(said: str) -> str:
    """One line for what pip wrote before it failed."""
    if away := _INDEX_AWAY.search(said):
        reason = _REASON.search(away[0])
        return (
            f"the package index cannot be used ({reason[0] if reason else away[0].strip()}): "
            "check the network, the proxy and PIP_INDEX_URL, then start again."
        )
    if missing := _MISSING.search(said):
        return (
            f"there is no wheel of {missing[1]} for this platform "
            f"({platform.platform()}, Python {platform.python_version()})."
        )
    return f"pip failed: {_last_line(said)}"


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason given"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
