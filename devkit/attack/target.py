"""The instance that is attacked: our own, with the default settings, few open files and a key server."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from devkit.attack.key_server import KeyServer
from devkit.demo.instance import own_instance
from devkit.embedded.processes import INSTANCE

# A shell's usual soft limit is 1,024; one attack opens more connections than it has files.
OPEN_FILES = 256
ISSUER = "https://provider.example"


@dataclass(frozen=True)
class Target:
    port: int
    log: Path
    keys: KeyServer

    def web_workers(self) -> list[psutil.Process]:
        """The processes that answer requests, each a child of the web server's first process."""
        webs = [one for one in psutil.process_iter(["name"]) if one.info["name"] == "todo-web"]
        ours = {one.pid for one in webs if _instance_of(one) == str(self.log.parent)}
        return [one for one in webs if one.pid in ours and one.ppid() in ours]

    def tracebacks(self) -> int:
        """How many tracebacks are in its log."""
        return self.log.read_text(errors="replace").count("Traceback (most recent call last)")


@contextmanager
def own_target() -> Iterator[Target]:
    """Raises devkit.demo.steps.StepFailedError when it does not start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with KeyServer() as keys:
        settings = {
            "ACCESS_TOKEN_MINUTES": "120",
            "TRUSTED_PROXIES": "1",
            "AUTH_JWT_ISSUER": ISSUER,
            "AUTH_JWT_AUDIENCE": ISSUER,
            "AUTH_JWKS_URL": keys.url,
        }
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))  # its processes inherit that
        with own_instance(**settings) as instance:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
            assert instance.log
            yield Target(int(instance.url.rpartition(":")[2]), instance.log, keys)


def _instance_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(INSTANCE)
    except psutil.Error:
        return None
