from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from database.direct_connection import use_direct_connection
from todo_project import restored
from todo_project.backups import BackupError, restore

_NEXT = """\
Next: flush Redis or Valkey, then start the processes. Reminders of the time between the backup and now ring
again, {overdue} at once (docs/operations/backup.md says how they come as one notice instead)."""


class Command(BaseCommand):
    help = "Put a backup into the empty database that DATABASE_URL names; all of it or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="of manage.py backup")
        parser.add_argument(
            "--overwrite", metavar="NAME", help="the database's own name: delete everything in it first"
        )
        parser.add_argument(
            "--exact", action="store_true", help="leave versions and ids as they were: a copy to look at"
        )

    def handle(self, *args: Any, file: Path, overwrite: str, exact: bool, **options: Any) -> None:
        use_direct_connection()
        name = connection.settings_dict["NAME"]
        if overwrite and overwrite != name:
            raise CommandError(f"Nothing was restored: the database is {name}, not {overwrite}.")
        try:
            restore(connection, file, overwrite=bool(overwrite))
        except BackupError as error:
            raise CommandError(f"Nothing was restored: {error}") from error
        self.stdout.write(f"{file} is restored into the database {name}.")
        self._look(exact=exact)

    def _look(self, *, exact: bool) -> None:
        missing, unknown = restored.migrations()
        if unknown:
            raise CommandError(
                f"It is of a newer release, which knows {', '.join(unknown)}: use that release."
            )
        if not exact:
            restored.go_on_from_above()
            self.stdout.write(
                f"Versions go on {restored.MORE_VERSIONS:,} higher, ids {restored.MORE_IDS:,} higher."
            )
        for table, rows in restored.counts().items():
            self.stdout.write(f"{table:20} {rows:12,}")
        if missing:
            self.stdout.write(
                "It is of an older release. Run manage.py migrate, then upgrade_rows."
                f" Missing: {', '.join(missing)}."
            )
        self.stdout.write(_NEXT.format(overdue=restored.overdue_reminders()))
