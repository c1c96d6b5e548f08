"""The next occurrence of templates, computed again after an update of the zone data, as that of tasks."""

from collections.abc import Iterable, Iterator

from django.db import transaction
from django.utils import timezone

from recurrence.rules import RuleError
from recurring_app.models import RecurringTask
from tasks_app.recomputing import Recomputed

BATCH = 500


def recompute_templates(*, dry_run: bool) -> Iterator[Recomputed]:
    """Recompute the templates that are not due yet, a transaction for each batch; what each moves."""
    waiting = RecurringTask.objects.filter(next_occurrence__gt=timezone.now(), user__deleted_at=None)
    last = 0
    while pks := list(waiting.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        last = pks[-1]
        with transaction.atomic():
            # Asked again under the lock: one may have generated its task meanwhile.
            done = _recompute(waiting.filter(pk__in=pks).locked(), dry_run=dry_run)
        yield done


def _recompute(templates: Iterable[RecurringTask], *, dry_run: bool) -> Recomputed:
    done, moved, now = Recomputed(), [], timezone.now()
    for template in templates:
        assert template.next_occurrence is not None
        try:
            slot = template.series.recomputed(template.next_occurrence)
        except RuleError as error:
            done.unreadable[f"{template.rule}, {template.timezone}: {error}"].append(template.pk)
            continue
        if slot not in (None, template.next_occurrence):
            done.moved[template.timezone] += 1
            template.next_occurrence, template.updated_at = slot, now
            template.version += 1
            moved.append(template)
    if not dry_run:
        RecurringTask.objects.bulk_update(moved, ["next_occurrence", "version", "updated_at"])
    return done
