"""What a process builds once, at the first request that needs it.

`functools.cache` lets two threads build at the same time: that takes twice as long, and a builder that
changes something global fails.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from threading import RLock
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
Built = TypeVar("Built")


def built_once(build: Callable[P, Built]) -> Callable[P, Built]:
    """Keep the result for the arguments of the last call; other threads wait while one builds it."""
    lock = RLock()
    kept: Any = lru_cache(maxsize=1)(build)

    @wraps(build)
    def built(*args: P.args, **options: P.kwargs) -> Built:
        with lock:
            return cast(Built, kept(*args, **options))

    return built
