"""Bodies of requests are read whole, in the event loop, within bounds.

So a client that sends a byte a second takes no thread from others, and large bodies do not take all memory.
"""

from asyncio import Timeout, get_running_loop, timeout
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from http_app.bridge.rsgi import Headers, HTTPProtocol
from http_app.errors import BodyTimeout, BodyTooLarge, IncompleteBody, Overloaded, TooManyAtOnce

# A body that is complete within this time is not slow: fifty honest clients at once are no attack.
SLOW_AFTER_SECONDS = 1.0
# How much of `bytes_together` one address may have.
ADDRESS_SHARE = 0.25
# A client that is still sending does not read the answer. More than this, or slower, is not worth the work.
MOST_DISCARDED_BYTES = 64 * 1024 * 1024
LONGEST_DISCARD_SECONDS = 5.0


@dataclass(frozen=True)
class Limits:
    """The most of one body (bytes, seconds), of one address (slow bodies), and of all bodies (bytes)."""

    bytes_each: int
    seconds_each: float
    slow_each: int
    bytes_together: int


class Bodies:
    """The bodies that this process reads or holds, by address. For one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._bytes: Counter[str] = Counter()
        self._bytes_together = 0
        self._slow: Counter[str] = Counter()

    def of(self, headers: Headers, protocol: HTTPProtocol, address: str) -> "Body | None":
        """The body of a request, unread; None when it has none.

        With both headers the server has read it as chunked, and will close the connection (RFC 9112, 6.1).
        """
        if "transfer-encoding" in headers:
            return Body(self, None, protocol, address)
        length = int(headers.get("content-length") or 0)
        return Body(self, length, protocol, address) if length else None

    def hold(self, address: str, size: int) -> None:
        """Count these bytes. Raises TooManyAtOnce or Overloaded when there are too many now."""
        self._bytes[address] += size
        self._bytes_together += size
        if self._bytes[address] > self.limits.bytes_together * ADDRESS_SHARE:
            raise TooManyAtOnce
        if self._bytes_together > self.limits.bytes_together:
            raise Overloaded

    def let_go(self, address: str, size: int) -> None:
        """Count them no more."""
        self._bytes_together -= size
        _decrease(self._bytes, address, size)

    @contextmanager
    def slow(self, address: str, deadline: Timeout) -> Iterator[None]:
        """Count a body as slow once it is. Raises TooManyAtOnce then if its address has too many of them."""
        is_counted = is_refused = False

        def count() -> None:
            nonlocal is_counted, is_refused
            is_refused = self._slow[address] >= self.limits.slow_each
            is_counted = not is_refused
            if is_refused:
                deadline.reschedule(get_running_loop().time())
            else:
                self._slow[address] += 1

        timer = get_running_loop().call_later(SLOW_AFTER_SECONDS, count)
        try:
            yield
        except BaseException:
            if is_refused:
                raise TooManyAtOnce from None
            raise
        finally:
            timer.cancel()
            if is_counted:
                _decrease(self._slow, address, 1)


class Body:
    """One body. `is_worth_reading` is false if the rest of it may never come, or comes too late."""

    def __init__(self, bodies: Bodies, length: int | None, protocol: HTTPProtocol, address: str) -> None:
        self.is_worth_reading = True
        self._bodies, self._length, self._address = bodies, length, address
        self._chunks = aiter(protocol)
        self._content = bytearray()
        self._held = 0
        self._is_whole = False

    async def read(self) -> bytearray:
        """The whole body. `release` must follow, after an error too.

        Raises BodyTooLarge, BodyTimeout, IncompleteBody; TooManyAtOnce when its address sends too many slowly
        or holds too many bytes; Overloaded when all addresses together hold too many.
        """
        if self._length is not None and self._length > self._bodies.limits.bytes_each:
            raise BodyTooLarge
        try:
            async with timeout(self._bodies.limits.seconds_each) as deadline:
                with self._bodies.slow(self._address, deadline):
                    await self._collect()
        except BodyTooLarge:
            raise
        except TimeoutError:
            self.is_worth_reading = False
            raise BodyTimeout from None
        except (TooManyAtOnce, IncompleteBody, Overloaded):
            self.is_worth_reading = False
            raise
        self._is_whole = True
        content, self._content = self._content, bytearray()  # no second copy is kept
        return content

    async def discard(self) -> None:
        """Read the rest of it, so that the client comes to read its answer."""
        if self._is_whole:
            return
        seen = len(self._content)
        with suppress(TimeoutError, IncompleteBody):
            async with timeout(LONGEST_DISCARD_SECONDS):
                while seen != self._length and seen < MOST_DISCARDED_BYTES and (chunk := await self._next()):
                    seen += len(chunk)

    def release(self) -> None:
        """Its bytes count no more."""
        self._bodies.let_go(self._address, self._held)

    async def _collect(self) -> None:
        while len(self._content) != self._length and (chunk := await self._next()):
            if len(self._content) + len(chunk) > self._bodies.limits.bytes_each:
                raise BodyTooLarge
            self._content += chunk
            self._held += len(chunk)
            self._bodies.hold(self._address, len(chunk))

    async def _next(self) -> bytes:
        """The bytes that came next; none at the end. Raises IncompleteBody.

        RSGI shows the end by an empty chunk, and an error by one more.
        """
        chunk: bytes = await anext(self._chunks)
        if not chunk:
            if self._length is not None:
                raise IncompleteBody
            with suppress(StopAsyncIteration):
                await anext(self._chunks)
                raise IncompleteBody
        return chunk


def _decrease(counts: Counter[str], name: str, amount: int) -> None:
    counts[name] -= amount
    if not counts[name]:
        del counts[name]  # anyone can have any number of names
