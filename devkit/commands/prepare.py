"""Brings the database up to date before the roles start, in one process."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

from devkit.embedded import EXPLAINED
from todo_project.start_errors import in_one_line

SAY_AFTER_SECONDS = 3.0


def main() -> None:
    """Check, migrate, and make the operator's account at the first start; what is away is one line."""
    try:
        _prepare()
    except Exception as error:
        if (line := in_one_line(error)) is None:
            raise
        print(line, file=sys.stderr)
        sys.exit(EXPLAINED)


def _prepare() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
    if not apps.ready:  # `./todo up` has loaded and checked the project where its roles are forks
        django.setup()
        call_command("check")
    from todo_project.health import missing_migrations

    if missing_migrations():  # Django takes a third of a second to find that none is missing
        call_command("migrate", interactive=False)
    call_command("upgrade_rows")
    call_command("ensure_operator")
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        with _saying(f"waiting: Kafka at {settings.KAFKA_BOOTSTRAP_SERVERS} (KAFKA_BOOTSTRAP_SERVERS)"):
            call_command("create_topics")


@contextmanager
def _saying(text: str) -> Iterator[None]:
    """Say what is waited for if the block takes longer than a start usually does."""
    timer = Timer(SAY_AFTER_SECONDS, print, [text], {"flush": True})
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


if __name__ == "__main__":
    main()
