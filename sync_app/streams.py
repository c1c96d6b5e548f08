"""One open stream: its queue of messages, and when it ends."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from time import monotonic

import structlog
from django.conf import settings
from django.utils import timezone

from sync_app import messages
from sync_app.access import Grant

log = structlog.get_logger(__name__)

# More than a feed adds at once, so only the queue of a client that does not read gets this long.
LONGEST_QUEUE = 2_000


class Stream:
    """Belongs to one connection. `ended` is the reason why it ended, empty while it is open."""

    def __init__(self, grant: Grant) -> None:
        self.grant = grant
        self.ended = ""
        self.opened = monotonic()
        self._queue: deque[bytes] = deque()
        self._woken = asyncio.Event()
        self._timer = self._start_timer()

    @property
    def user_id(self) -> str:
        return str(self.grant.user_id)

    def put(self, message: bytes) -> None:
        """Queue a message. A full queue ends the stream; the client can reconnect without losing events."""
        if len(self._queue) >= LONGEST_QUEUE:
            self.end("slow")
        elif not self.ended:
            self._queue.append(message)
            self._woken.set()

    def end(self, reason: str) -> None:
        self.ended = self.ended or reason
        self._woken.set()
        if self._timer:
            self._timer.cancel()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield queued messages, several at a time if there are several, or a heartbeat if there is none."""
        while not self.ended:
            try:
                async with asyncio.timeout(settings.STREAM_HEARTBEAT_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                yield messages.HEARTBEAT
                continue
            self._woken.clear()
            queued = b"".join(self._queue)
            self._queue.clear()
            if queued:
                yield queued

    def _start_timer(self) -> asyncio.TimerHandle | None:
        """Ends the stream when its token expires."""
        if self.grant.ends_at is None:
            return None
        left = (self.grant.ends_at - timezone.now()).total_seconds()
        return asyncio.get_running_loop().call_later(max(0.0, left), self.end, "token_expired")
