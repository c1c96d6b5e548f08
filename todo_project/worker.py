"""Celery's worker, which writes nothing but log lines when it is asked to end."""

from typing import Any

from celery.apps.worker import Worker as CeleryWorker
from celery.apps.worker import install_worker_term_handler  # type: ignore[attr-defined] # untyped


class Worker(CeleryWorker):
    """Celery's own prints "worker: Warm shutdown" on SIGTERM, which is no JSON."""

    def install_platform_tweaks(self, worker: Any) -> None:
        super().install_platform_tweaks(worker)
        install_worker_term_handler(worker, verbose=False)
