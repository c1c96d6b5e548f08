"""The application, which dies once: after the commit of a write, before a byte of its answer is sent."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from todo_project.rsgi import limits
from todo_project.wsgi import application as _application

# isort: split
from http_app.bridge.bridge import Bridge


def _dying(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    answer = _application(environ, start_response)
    if environ["REQUEST_METHOD"] == "POST":
        try:
            Path(os.environ["DIE_ONCE"]).unlink()
        except FileNotFoundError:
            return answer
        os.killpg(os.getpgid(0), signal.SIGKILL)  # the server's first process and its worker
    return answer


application = Bridge(_dying, limits)
