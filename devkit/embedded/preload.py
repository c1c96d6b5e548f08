"""Imports and checks the project once, in the process whose forks the roles are."""

import gc
import os
from collections.abc import Mapping
from importlib import import_module

from devkit.embedded import StartError

# What the roles would import one by one; the rest comes with the project's URLs, tasks and middleware. These
# need no settings.
LIBRARIES = (
    # web
    "granian.cli",
    "granian.server",
    "multiprocessing.popen_fork",
    # stream
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.h11_impl",
    # worker and ticker
    "billiard.heap",
    "billiard.popen_fork",
    "billiard.sharedctypes",
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
    "kombu.pidbox",
    "kombu.transport.redis",
    # beat
    "celery.bin.beat",
)
_OURS = ("sync_app.asgi", "todo_project.worker", "todo_project.beat", "todo_project.scheduler")
_COMMANDS = ("migrate", "upgrade_rows", "relay_outbox", "serve_stream", "ensure_operator")


def preload(environment: Mapping[str, str]) -> None:
    """Load the project with this environment added to ours, and freeze what is there for forks to share.

    No thread is started and no connection opened. Raises StartError when the project cannot be loaded or a
    check finds an error.
    """
    os.environ.update(environment)
    # So that no hole in a page is filled, and no header of an object written, where all could share it.
    gc.disable()
    try:
        _import_all()
        _check()
    except StartError:
        raise
    except Exception as error:
        from todo_project.start_errors import in_one_line

        if line := in_one_line(error):
            raise StartError(line) from error
        raise StartError(f"the backend cannot be loaded: {type(error).__name__}: {error}") from error
    gc.collect()
    gc.freeze()
    gc.enable()


def _import_all() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
    os.environ["CELERY_SKIP_CHECKS"] = "true"  # each worker's own, of what we have checked
    import django
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.management import get_commands, load_command_class
    from django.urls import get_resolver

    django.setup()
    for name in (*LIBRARIES, *_OURS):
        import_module(name)
    for name in _COMMANDS:
        load_command_class(get_commands()[name], name)
    import_module("tasks_app.title_order").load()
    celery = import_module("todo_project.celery").app
    celery.loader.import_default_modules()
    celery.finalize()
    WSGIHandler()  # the middleware
    get_resolver().url_patterns  # noqa: B018 - the views


def _check() -> None:
    from django.core.checks import run_checks

    errors = [found for found in run_checks() if found.is_serious() and not found.is_silenced()]
    if errors:
        raise StartError("\n".join(["the backend does not start like this:", *map(str, errors)]))
