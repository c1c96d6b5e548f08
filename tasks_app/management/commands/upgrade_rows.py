"""manage.py upgrade_rows: what a release does after `migrate` (tasks_app/older_rows.py)."""

from typing import Any

from django.core.management.base import BaseCommand

from tasks_app.older_rows import upgrade

BATCH = 1_000


class Command(BaseCommand):
    help = "Bring rows that an older release wrote up to date. It can be stopped and run again."

    def handle(self, *args: Any, **options: Any) -> None:
        upgraded = 0
        while done := upgrade(BATCH):
            upgraded += done
        if upgraded:
            self.stdout.write(f"Brought {upgraded:,} rows up to date.")
