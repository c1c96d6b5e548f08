"""The web process, on the test's own database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException

import pytest

from tests.acceptance.calls import call
from tests.acceptance.forks import Fork
from tests.acceptance.processes import eventually, running

_RATES = ("WRITES", "OPERATIONS", "SIGN_UP", "REFRESH")
_SIGN_IN_RATES = ("SIGN_IN_BY_ADDRESS", "SIGN_IN_BY_ACCOUNT", "SIGN_IN_FROM_ELSEWHERE")
_MAIL_RATES = ("MAIL_BY_ADDRESS", "MAIL_BY_ACCOUNT")
UNLIMITED = {f"THROTTLE_{name}": "off" for name in (*_RATES, *_SIGN_IN_RATES, *_MAIL_RATES)}


@dataclass
class Web:
    port: int
    process: Fork

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        try:
            return call(self.port, "GET", "/healthz/live").status == 200
        except (OSError, HTTPException):
            return False


@contextmanager
def web(port: int, application: str = "todo_project.rsgi:application", **environment: str) -> Iterator[Web]:
    """granian with one worker: what is done to it is done to all; the block begins when it answers."""
    interface = "wsgi --blocking-threads 4" if ".wsgi:" in application else "rsgi"
    options = f"--interface {interface} --http 1 --host 127.0.0.1 --port {port} --no-ws"
    command = f"python -m granian {options} --workers-kill-timeout 3 {application}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with running(command) as (process,):
            server = Web(port, process)
            eventually(server.answers)
            yield server
