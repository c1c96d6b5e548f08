"""What can be done to a template. Each runs in the caller's transaction, on a template locked there.

A template that is due is generated before its rhythm changes or it is paused: what came up under the old rule
is not lost.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from accounts_app.models import User
from http_app.errors import Conflict
from recurrence.rules import RuleError
from recurring_app.generation import MINUTE, carry_out, draft_of, plan_of, record_slots
from recurring_app.models import RecurringTask
from recurring_app.validity import RHYTHM
from tasks_app import task_writes
from tasks_app.models import SeriesSlot, Task
from tasks_app.moving import known_zone, same_local_time

log = structlog.get_logger(__name__)

# More is a mistake of a client's: each of these may generate a task every five minutes.
MAX_TEMPLATES = 1_000


def create_template(user: User, *, tag_ids: Iterable[int] = (), **fields: Any) -> RecurringTask:
    """A new template of the user's; its first task comes with the first slot after now.

    Raises Conflict (409) if the user has MAX_TEMPLATES.
    """
    if RecurringTask.objects.filter(user=user)[:MAX_TEMPLATES].count() == MAX_TEMPLATES:
        message = f"You have {MAX_TEMPLATES} templates. Delete one before you create another."
        raise Conflict(message, "too_many_templates")
    template = RecurringTask(user=user, **fields)
    template.next_occurrence = template.series.next_after(timezone.now())
    template.is_active = template.is_active and template.next_occurrence is not None
    template.updated_at = template.created_at
    template.save()
    template.tags.set(tag_ids)
    template.tag_ids = sorted(tag_ids)
    return template


def update_template(
    template: RecurringTask, *, tag_ids: Iterable[int] | None = None, **fields: Any
) -> RecurringTask:
    """Change these fields; `tag_ids`, when given, are all the tags of its tasks from now on.

    A new rhythm counts from now. `is_active` pauses and resumes, as below. Raises Conflict (409).
    """
    wanted = fields.pop("is_active", None)
    changed = {name for name, value in fields.items() if getattr(template, name) != value}
    retagged = tag_ids is not None and set(tag_ids) != set(_tag_ids(template))
    if RHYTHM & changed:
        _generate_before_the_change(template)
    for name in changed:
        setattr(template, name, fields[name])
    if RHYTHM & changed:
        _begin_rhythm(template)
    if changed or retagged:
        _save(template)
    if retagged and tag_ids is not None:
        template.tags.set(tag_ids)
        template.tag_ids = sorted(tag_ids)
    if wanted is False:
        return pause_template(template)
    if wanted and not (RHYTHM & changed and template.is_finished):
        return resume_template(template)
    return template


def pause_template(template: RecurringTask) -> RecurringTask:
    """Generate nothing until it is resumed. Pausing an inactive one changes nothing."""
    _generate_before_the_change(template)
    if template.is_active:
        template.is_active = False
        _save(template)
    return template


def resume_template(template: RecurringTask) -> RecurringTask:
    """Go on with the first slot after now: what was missed while it was paused is not made up.

    The newest of those slots are recorded as skipped. Resuming an active one changes nothing. Raises Conflict
    (409) for one that is finished, or whose rule was accepted by an earlier version only.
    """
    if template.is_active:
        return template
    now = timezone.now()
    if template.next_occurrence is not None:
        try:
            came_up = template.series.catch_up(template.next_occurrence - MINUTE, now, "all")
        except RuleError as error:
            raise Conflict(f"The rule of the template has to be replaced. {error}", error.code) from error
        skipped = [(template, slot, SeriesSlot.Outcome.SKIPPED) for slot in came_up.slots]
        record_slots(skipped, now=now)
        template.next_occurrence = came_up.next
    if template.next_occurrence is None:
        raise Conflict("The template is finished: no occurrence is left. Change its rule or end.", "finished")
    template.is_active = True
    _save(template)
    return template


def run_template(template: RecurringTask) -> Task:
    """The task of this minute, generated if there is none. It moves nothing, and may be paused."""
    now = timezone.now()
    slot = now.replace(second=0, microsecond=0)
    task = Task.objects.filter(recurring_task=template, occurrence_at=slot).first()
    if task is not None:
        return task
    if not record_slots([(template, slot, SeriesSlot.Outcome.MADE)], now=now):
        SeriesSlot.objects.filter(recurring_task=template, slot_at=slot).update(
            outcome=SeriesSlot.Outcome.MADE
        )
    _tag_ids(template)
    draft = draft_of(template, slot)
    task_writes.create([draft])
    generated: Task = draft.task
    return generated


@transaction.atomic
def move_templates(user_id: UUID, *, timezone: str) -> int:
    """Move a user's templates that are not finished to another zone, at the same local times; how many.

    One whose rule was accepted by an earlier version only stays as it is.
    """
    waiting = RecurringTask.objects.filter(user=user_id, next_occurrence__isnull=False)
    moved = 0
    for template in [template for template in waiting.locked() if template.timezone != timezone]:
        end = same_local_time(template.ends_at, known_zone(template.timezone), timezone)
        try:
            update_template(template, timezone=timezone, ends_at=end)
            moved += 1
        except RuleError as error:
            log.warning("template_not_moved", template_id=template.pk, error=str(error))
    return moved


def _generate_before_the_change(template: RecurringTask) -> None:
    now = timezone.now()
    if not template.is_due(now):
        return
    _tag_ids(template)
    try:
        carry_out([plan_of(template, now)], now)
    except RuleError as error:  # the rule is of earlier code; the change may mend it
        log.warning("template_failed", template_id=template.pk, error=str(error))


def _begin_rhythm(template: RecurringTask) -> None:
    was_finished = template.is_finished
    template.next_occurrence = template.series.next_after(timezone.now())
    template.is_active = (template.is_active or was_finished) and template.next_occurrence is not None


def _tag_ids(template: RecurringTask) -> list[int]:
    if template.tag_ids is None:
        template.tag_ids = sorted(template.tags.values_list("pk", flat=True))
    return template.tag_ids


def _save(template: RecurringTask) -> None:
    template.version += 1
    template.updated_at = timezone.now()
    template.failed_at, template.failure = None, ""
    template.save()
