"""The image's health check: what listens in this container has to answer; beat, which does not, has a file.

A container runs one role, so that at most one of the ports is taken.
"""

import os
import sys
from http.client import HTTPConnection
from pathlib import Path

PORTS = ("PORT", "STREAM_PORT", "METRICS_PORT")
SECONDS = 4


def is_healthy(environment: dict[str, str]) -> bool:
    """Whether the first process that listens at one of the ports says that it lives; raises OSError."""
    # The web refuses requests for hosts that it does not serve.
    host = environment.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".")
    for name in PORTS:
        connection = HTTPConnection("127.0.0.1", int(environment[name]), timeout=SECONDS)
        try:
            connection.request("GET", "/healthz/live", headers={"Host": host})
        except ConnectionRefusedError:
            continue
        return connection.getresponse().status == 200
    return Path(environment["TODO_READY_FILE"]).exists()


if __name__ == "__main__":
    sys.exit(not is_healthy(dict(os.environ)))
