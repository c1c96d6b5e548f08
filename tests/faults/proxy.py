"""A way to a server that can be cut: what is sent is held back, or connections are reset."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 64 * 1024


class Route:
    """Takes connections at `port` and carries them to `target`, as long as it is open."""

    def __init__(self, *, port: int, target: int) -> None:
        self.port, self.target = port, target
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._passing.set()
        self._stopping = asyncio.Event()
        self._resets = False
        self._writers: set[asyncio.StreamWriter] = set()

    def open(self) -> None:
        """Everything goes through, what was held back too, as TCP sends again what got lost."""
        self._soon(False, True)

    def black_hole(self) -> None:
        """Connections stand, new ones too, and nothing comes through."""
        self._soon(False, False)

    def reset(self) -> None:
        """Every connection ends by RST, and so does each that is tried."""
        self._soon(True, True)

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", self.port, limit=_CHUNK)
        await self._stopping.wait()
        server.close()
        self._switch(True, True)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    def _soon(self, resets: bool, passing: bool) -> None:
        self._loop.call_soon_threadsafe(self._switch, resets, passing)

    def _switch(self, resets: bool, passing: bool) -> None:
        self._resets = resets
        (self._passing.set if passing else self._passing.clear)()
        for writer in list(self._writers) if resets else ():
            _reset(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._resets:
                return
            await self._passing.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self.target, limit=_CHUNK)
            self._writers.add(back)
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        except OSError:  # the server is away, or one side has gone
            pass
        finally:
            _reset(writer)
            self._writers.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
        finally:
            with suppress(OSError):
                writer.close()
            self._writers.discard(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST instead of FIN: close with nothing to linger for."""
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def route(*, port: int, target: int) -> Iterator[Route]:
    """A route that carries until the block ends."""
    way = Route(port=port, target=target)
    thread = threading.Thread(target=way.run, daemon=True)
    thread.start()
    try:
        yield way
    finally:
        way.stop()
        thread.join(5)
