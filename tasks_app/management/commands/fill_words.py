"""manage.py fill_words: what a release does after `migrate`, so that search finds what was written before."""

from typing import Any

from django.core.management.base import BaseCommand

from tasks_app.indexed_text import fill

BATCH = 1_000


class Command(BaseCommand):
    help = "Compute the words of tasks that have none, in batches. It can be stopped and run again."

    def handle(self, *args: Any, **options: Any) -> None:
        filled = 0
        while done := fill(BATCH):
            filled += done
        if filled:
            self.stdout.write(f"Computed the words of {filled:,} tasks.")
