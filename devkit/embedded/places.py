"""Where one instance keeps what it owns."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from devkit.embedded import StartError

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Places:
    """The folders and files of one instance, all below its data directory (an absolute path)."""

    data: Path

    @property
    def lock(self) -> Path:
        return self.data / "lock"

    @property
    def environment(self) -> Path:
        return self.data / "environment"

    @property
    def secrets(self) -> Path:
        return self.data / "secrets"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def mails(self) -> Path:
        """What a mail server would get, a file for each mail."""
        return self.data / "mails"

    @property
    def valkey(self) -> Path:
        return self.data / "valkey"

    @property
    def metrics(self) -> Path:
        return self.data / "metrics"

    @property
    def ready(self) -> Path:
        """A file for each role that is ready, of those that have no port to ask."""
        return self.data / "ready"

    @property
    def postgres(self) -> Path:
        """A folder with `cluster/` and `socket/`; as root a link to one (see postgres_home.py)."""
        return self.data / "postgres"

    def make(self) -> None:
        """Make the folders that are missing, closed to other users.

        A data directory that is there keeps its permissions, which may be what its owner wants; what is in it
        is closed. Raises StartError when it cannot be made, or belongs to another user.
        """
        try:
            for folder in reversed([self.data, *self.data.parents]):
                if not folder.exists():
                    folder.mkdir(mode=0o700, exist_ok=True)
            self._require_ours()
            for folder in (self.secrets, self.logs, self.mails):
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)  # an earlier release made `mails` open to others
        except OSError as error:
            raise StartError(f"cannot make the data directory {self.data}: {error.strerror}.") from error

    def _require_ours(self) -> None:
        if self.data.stat().st_uid != os.geteuid():
            raise StartError(
                f"the data directory {self.data} belongs to user {self.data.owner()}: run as that user."
            )


def places_of_this_checkout() -> Places:
    """The places named by TODO_DATA_DIR; a relative path is below the checkout, the default is `.data`."""
    return Places(data=(CHECKOUT / os.environ.get("TODO_DATA_DIR", ".data")).resolve())


def wheel_folder(package: str) -> Path:
    """Where a package is installed, without the time of importing it. Raises StartError when it is not."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"the package {package} is not installed: remove .venv and start again.")
    return Path(spec.submodule_search_locations[0])
