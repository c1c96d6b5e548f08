from time import monotonic, sleep
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection

LOOK_EVERY_SECONDS = 1.0


class Command(BaseCommand):
    help = "Wait until PostgreSQL answers: what a deployment runs before `migrate`."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=float, default=60, help="Give up after these (default: 60).")

    def handle(self, *args: Any, **options: Any) -> None:
        began, said = monotonic(), ""
        while trouble := _trouble():
            if monotonic() - began >= options["seconds"]:
                raise CommandError(f"PostgreSQL did not answer for {options['seconds']:.0f} s: {trouble}")
            if trouble != said:
                self.stderr.write(f"Waiting for PostgreSQL: {trouble}")
                said = trouble
            sleep(LOOK_EVERY_SECONDS)


def _trouble() -> str:
    """Why it does not answer, on one line; empty if it does. libpq's text has no password."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        return " ".join(str(error).split())
    return ""
