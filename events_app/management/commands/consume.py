import os
import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from events_app.groups import group_names
from events_app.metrics import serve_metrics

log = structlog.get_logger(__name__)

# An orchestrator kills a process after ten seconds or more.
STOP_SECONDS = 8.0


class Command(BaseCommand):
    help = "Handle the events of Kafka until stopped, with one thread for each group."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("groups", nargs="*", metavar="GROUP", help="Default: all groups.")

    def handle(self, *args: Any, **options: Any) -> None:
        groups = options["groups"] or sorted(group_names())
        if unknown := set(groups) - set(group_names()):
            known = ", ".join(sorted(group_names()))
            raise CommandError(f"There is no group {', '.join(sorted(unknown))}; known are {known}.")
        if not settings.KAFKA_BOOTSTRAP_SERVERS:
            raise CommandError(
                "KAFKA_BOOTSTRAP_SERVERS names no Kafka; without one the relay calls the handlers."
            )
        from events_app.consuming import GroupConsumer

        stopping = threading.Event()

        def stop(_number: int, _frame: FrameType | None) -> None:
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        serve_metrics()
        log.info("consumers_started", groups=groups)
        pool = ThreadPoolExecutor(len(groups))
        runs = {pool.submit(GroupConsumer(group, stopping).run): group for group in groups}
        for run in runs:
            # If one fails the others stop too, and the orchestrator restarts the process.
            run.add_done_callback(lambda _: stopping.set())
        stopping.wait()
        _end(runs)


def _end(runs: dict[Future[None], str]) -> None:
    """Wait for each to leave its group. One that hangs in a handler is abandoned, its event uncommitted."""
    _, hanging = wait(runs, timeout=STOP_SECONDS)
    if hanging:
        log.error("consumers_do_not_stop", groups=sorted(runs[run] for run in hanging))
        os._exit(1)  # sys.exit() would wait for them
    for run in runs:
        run.result()
