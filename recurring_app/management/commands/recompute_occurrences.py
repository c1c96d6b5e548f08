"""manage.py recompute_occurrences: what a release with newer zone data does."""

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from recurrence.rules import ZONE_DATA_VERSION
from recurring_app.recomputing import recompute_templates
from tasks_app.recomputing import Recomputed, recompute_tasks

MOST_IDS_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Compute again what is still to come of series and templates, after an update of the time zone data."
        " It works in batches, beside everything else, and can be stopped and run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would be moved")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        self.stdout.write(f"Time zone data {ZONE_DATA_VERSION}.")
        tasks, templates = recompute_tasks(dry_run=dry_run), recompute_templates(dry_run=dry_run)
        for name, batches in {"tasks": tasks, "templates": templates}.items():
            self._report(f"{name} to move" if dry_run else f"{name} moved", batches)

    def _report(self, title: str, batches: Iterable[Recomputed]) -> None:
        total = Recomputed()
        for batch in batches:
            total.add(batch)
        self.stdout.write(f"{title}: {total.moved.total():,}")
        for zone, number in total.moved.most_common():
            self.stdout.write(f"  {zone}: {number:,}")
        for fault, ids in total.unreadable.items():
            more = f" and {len(ids) - MOST_IDS_SHOWN:,} more" if len(ids) > MOST_IDS_SHOWN else ""
            shown = ", ".join(map(str, ids[:MOST_IDS_SHOWN]))
            self.stderr.write(f"{title}: cannot compute {fault} (ids: {shown}{more})")
