"""One thread that ends connections whose time is up: a timer for each would be a thread for each."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from time import monotonic, sleep

_LOOK_SECONDS = 0.1
# The thread ends when nothing has been watched for so many looks.
_IDLE_LOOKS = 20


class Deadlines:
    """Sockets with the times at which they are cut. For all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._watched: dict[socket.socket, float] = {}
        self._is_running = False

    @contextmanager
    def cut(self, connected: socket.socket, at: float) -> Iterator[None]:
        """End the connection if the block lasts until `at`, a time of monotonic()."""
        with self._lock:
            self._watched[connected] = at
            if not self._is_running:
                self._is_running = True
                Thread(target=self._run, name="deadlines", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._watched.pop(connected, None)

    def _run(self) -> None:
        idle = 0
        while True:
            sleep(_LOOK_SECONDS)
            # Under the lock: what has been removed may belong to the next request already.
            with self._lock:
                now = monotonic()
                for connected in [one for one, at in self._watched.items() if at <= now]:
                    del self._watched[connected]
                    _cut(connected)
                idle = 0 if self._watched else idle + 1
                if idle == _IDLE_LOOKS:
                    self._is_running = False
                    return


def _cut(connected: socket.socket) -> None:
    with suppress(OSError):  # the connection has already ended
        # SSLSocket's own shutdown would remove the TLS session while another thread reads from it.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
