"""The event loop that turns run in, in a thread of its own, and bounded threads for work with the database.

The live streams have the process's main loop. What a language model's library computes, some milliseconds
for each request, would hold all of them up there; a thread of its own is interrupted. And a client of a
library belongs to the loop in which it was first used, so there is one for all turns of the process.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from django.db import close_old_connections, connections

Given = ParamSpec("Given")
Result = TypeVar("Result")


class DatabaseThreads:
    """A bounded pool. Each thread keeps its connection, as CONN_MAX_AGE says."""

    def __init__(self, size: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name, initializer=self._share_connection)
        self._connections: list[Any] = []

    async def run(
        self, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        """Call the function in a thread, with the context of the caller: request id, actor."""
        context = copy_context()

        def call() -> Result:
            close_old_connections()
            try:
                return context.run(function, *args, **kwargs)
            finally:
                close_old_connections()

        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Wait for what runs, drop what waits, and close the connections."""
        self._pool.shutdown(cancel_futures=True)
        for connection in self._connections:
            connection.close()

    def _share_connection(self) -> None:
        connection = connections["default"]
        connection.inc_thread_sharing()  # the thread that ends the pool closes it
        self._connections.append(connection)


class LoopThread:
    """An event loop that runs in a thread until it is closed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="assistant", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, Result]) -> "Future[Result]":
        """Run it there, from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        for task in (left := asyncio.all_tasks(self.loop)):
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
