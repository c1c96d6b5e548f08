from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from tasks_app import label_events
from tasks_app.models import Priority, Tag

BATCH = 500


class Command(BaseCommand):
    help = (
        "Write an event for each tag and priority, for a new consumer of tag-events or a lost topic."
        " Consumers that know them already may ignore these events: their versions are the current ones."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for model in (Priority, Tag):
            written, last = 0, 0
            while ids := self._publish_after(model, last):
                written, last = written + len(ids), ids[-1]
            self.stdout.write(f"{written} {model._meta.verbose_name_plural}")

    @transaction.atomic
    def _publish_after(self, model: type[Tag] | type[Priority], last: int) -> list[int]:
        """The ids of one batch. Locked, so that no event of a later change comes before one of these."""
        rows = model._default_manager.filter(pk__gt=last).order_by("pk").select_for_update(no_key=True)
        labels = list(rows[:BATCH])
        label_events.record(labels, "updated")
        return [label.pk for label in labels]
