"""Imports and checks the project once, in the process whose forks the roles are."""

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType

from devkit.embedded import StartError

# What the roles would import one by one; the rest comes with the project's URLs, tasks and middleware. These
# need no settings.
LIBRARIES = (
    # web
    "encodings.unicode_escape",
    "granian.cli",
    "granian.server",
    "multiprocessing.popen_fork",
    # stream
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.h11_impl",
    # worker and ticker
    "billiard.heap",
    "billiard.popen_fork",
    "billiard.sharedctypes",
    "billiard.synchronize",
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.app.routes",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.concurrency.prefork",
    "celery.concurrency.solo",
    "celery.events.receiver",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.strategy",
    "cffi.cparser",
    "kombu.pidbox",
    "kombu.transport.redis",
    # beat
    "celery.bin.beat",
)
_OURS = (
    "chat_app.asgi",
    "django.contrib.messages.storage.fallback",
    "state_store.wake_up",
    "sync_app.asgi",
    "todo_project.beat",
    "todo_project.scheduler",
    "todo_project.start_errors",
    "todo_project.worker",
)
_COMMANDS = ("migrate", "upgrade_rows", "relay_outbox", "serve_stream", "ensure_operator")
_BLOCKS_IN_A_ROW = 16
_MOST_BYTES_OF_A_SIZE = 2**20
_LARGEST_HOLE = 2**16
_MOST_BYTES_OF_LARGE_ONES = 2**22

_kept: list[object] = []


def preload(environment: Mapping[str, str]) -> None:
    """Load the project with this environment added to ours, and freeze what is there for forks to share.

    No thread is started and no connection opened. Raises StartError when the project cannot be loaded or a
    check finds an error.
    """
    os.environ.update(environment)
    # It would write into the header of each object, and leave holes where an object was.
    gc.disable()
    try:
        _import_all()
        _check()
        _compute()
    except StartError:
        raise
    except SystemExit as refusal:  # the web's own checks (todo_project/checks.py)
        raise StartError(str(refusal)) from refusal
    except Exception as error:
        from todo_project.start_errors import in_one_line

        if line := in_one_line(error):
            raise StartError(line) from error
        raise StartError(f"the backend cannot be loaded: {type(error).__name__}: {error}") from error
    gc.collect()
    gc.freeze()
    _kept.extend(fill_holes())
    gc.enable()


def _import_all() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
    os.environ["CELERY_SKIP_CHECKS"] = "true"  # each worker's own, of what we have checked
    import django
    from django.core.management import get_commands, load_command_class
    from django.urls import get_resolver

    _leave_out_what_no_role_uses()
    # REST framework imports it for a client of tests; what needs it finds it later.
    sys.modules["requests"] = None  # type: ignore[assignment]
    django.setup()
    del sys.modules["requests"]
    for name in (*LIBRARIES, *_OURS):
        import_module(name)
    for name in _COMMANDS:
        load_command_class(get_commands()[name], name)
    celery = import_module("todo_project.celery").app
    celery.loader.import_default_modules()
    celery.finalize()
    get_resolver().url_patterns  # noqa: B018 - the views


def _leave_out_what_no_role_uses() -> None:
    """The shell of `celery amqp repl`, and what only the tools of tests need: 11 MB and 0.4 s."""
    shell = ModuleType("click_repl")
    shell.register_repl = lambda _group: None  # type: ignore[attr-defined]
    sys.modules.setdefault("click_repl", shell)
    # structlog imports it where it is installed, for tracebacks in colours.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]


def _check() -> None:
    from django.core.checks import run_checks

    errors = [found for found in run_checks() if found.is_serious() and not found.is_silenced()]
    if errors:
        raise StartError("\n".join(["the backend does not start like this:", *map(str, errors)]))


def _compute() -> None:
    """What each fork would compute by itself, and then keep in memory of its own."""
    from django.conf import settings
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    import_module("todo_project.rsgi")  # the middleware, and the list of static files
    import_module("todo_project.health").newest_migrations()
    import_module("notifications_app.channels").all_channels()
    import_module("todo_project.celery").app.backend  # noqa: B018 - looked for among all installed packages
    connection.get_connection_params()  # the converters of types
    str(MigrationRecorder.Migration.objects.filter(app="").query)  # which classes are kinds of which
    # The logs are set up; `django.setup()` in a fork would set them up again.
    settings.LOGGING_CONFIG = None


def fill_holes() -> list[object]:
    """Objects in the holes of Python's pages, so that new objects of forks do not land on shared pages.

    What is returned keeps the holes filled.
    """
    return [*_small_fillers(), *_large_fillers()]


def _small_fillers() -> Iterator[object]:
    """An object of up to 512 bytes gets a block of its size, in steps of 16.

    When blocks follow each other, they are of a page without holes.
    """
    for size in range(16, 513, 16):
        last = row = 0
        for _ in range(_MOST_BYTES_OF_A_SIZE // size):  # with another allocator none may follow each other
            filler = _object_of(size)
            yield filler
            row = row + 1 if id(filler) == last + size else 0
            last = id(filler)
            if row == _BLOCKS_IN_A_ROW:
                break


def _large_fillers() -> Iterator[object]:
    """The C library gives larger ones the smallest hole that is large enough, or the end of its heap."""
    end = bytes(_LARGEST_HOLE)
    yield end
    left = _MOST_BYTES_OF_LARGE_ONES
    for size in range(_LARGEST_HOLE, 512, -16):
        while left > 0 and id(filler := _object_of(size)) < id(end):
            yield filler
            left -= size


def _object_of(size: int) -> object:
    """A new object that takes a block of `size` bytes."""
    if size < 48:
        return object() if size == 16 else size * 1.0
    return bytes(size - sys.getsizeof(b""))
