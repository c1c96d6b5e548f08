"""One open stream: what waits to be sent, and when it ends."""

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

# More than a feed can give at once waits only for somebody who does not read.
LONGEST_QUEUE = 2_000


class Stream:
    """Belongs to one connection. `ended` says why it ends, empty while it does not."""

    def __init__(self, grant: Grant) -> None:
        self.grant = grant
        self.ended = ""
        self.opened = monotonic()
        self._queue: deque[bytes] = deque()
        self._woken = asyncio.Event()
        self._timer = self._until_the_grant_ends()

    @property
    def user_id(self) -> str:
        return str(self.grant.user_id)

    def put(self, message: bytes) -> None:
        """To be sent. Who does not read loses the stream, not what it tells: it can be gone on with."""
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
        """What is to be sent, several messages at once when there are; a heartbeat when there is none."""
        while not self.ended:
            try:
                async with asyncio.timeout(settings.STREAM_HEARTBEAT_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                yield messages.HEARTBEAT
                continue
            self._woken.clear()
            waiting = b"".join(self._queue)
            self._queue.clear()
            if waiting:
                yield waiting

    def _until_the_grant_ends(self) -> asyncio.TimerHandle | None:
        if self.grant.ends_at is None:
            return None
        left = (self.grant.ends_at - timezone.now()).total_seconds()
        return asyncio.get_running_loop().call_later(max(0.0, left), self.end, "token_expired")
