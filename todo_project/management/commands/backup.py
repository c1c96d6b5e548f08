from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from database.direct_connection import use_direct_connection
from todo_project.backups import BackupError, backup


class Command(BaseCommand):
    help = "Write the whole database, as it is at one instant, to a file. Processes may go on working."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="must not be there yet")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        use_direct_connection()
        try:
            backup(connection, file)
        except BackupError as error:
            raise CommandError(f"No backup: {error}") from error
        self.stdout.write(
            f"{file}: {file.stat().st_size:,} bytes."
            " Keep SECRET_KEY and VAPID_PRIVATE_KEY too, in another place."
        )
