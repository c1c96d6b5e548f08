"""Other parts of the API that the stream's process serves beside the stream, because they hold connections.

The setting STREAM_GUESTS names them: this package does not import what stands above it.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import NamedTuple

from django.conf import settings
from django.utils.module_loading import import_string
from starlette.routing import BaseRoute


def _nothing() -> None:
    pass


class Guest(NamedTuple):
    """Routes, and what runs as long as the process serves them: entered in its event loop.

    `stop` is called when the process begins to stop, so that no open answer holds it up.
    """

    routes: Sequence[BaseRoute]
    running: Callable[[], AbstractAsyncContextManager[object]] = nullcontext
    stop: Callable[[], None] = _nothing


def guests_of_settings() -> list[Guest]:
    """What the functions that STREAM_GUESTS names return; each is called without arguments."""
    return [import_string(name)() for name in settings.STREAM_GUESTS]
