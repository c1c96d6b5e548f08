"""Generates the tasks of templates that are due: each once, however many generate at the same time.

A batch is one transaction: templates are claimed with SKIP LOCKED, their slots are claimed by a unique key,
their tasks and events are written by the same statements as those of a bulk request, and `next_occurrence`
advances. Nothing depends on who does it or how late.
Source: docs/decisions/0027-templates.md.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from database.prepared import prepared_cursor
from database.questions import Question
from events_app import queues
from recurring_app.models import LONGEST_FAILURE, RecurringTask
from state_store.markers import mark_templates_processed
from tasks_app import task_writes
from tasks_app.models import SeriesSlot, Task
from tasks_app.task_writes import Draft

log = structlog.get_logger(__name__)

BATCH = 500
# The same worker sends deliveries, which must not wait for long; the next tick goes on.
SECONDS_PER_CALL = 1.5
# A slot is on time for so long: a deploy or a restart of a worker is no downtime. Older ones are subject to
# the template's policy.
ON_TIME = timedelta(minutes=5)
RETRY_AFTER_FAILURE = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)

# A user's row is shared with other batches, and skipped while its account is being closed or erased.
_CLAIM = """
    SELECT template.*,
        ARRAY(SELECT tag_id FROM recurring_tasks_tags WHERE recurringtask_id = template.id) AS tag_ids
    FROM recurring_tasks AS template JOIN users ON users.id = template.user_id
    WHERE template.is_active AND template.next_occurrence <= %s AND users.deleted_at IS NULL
        AND (template.failed_at IS NULL OR template.failed_at <= %s OR template.failed_at > %s)
        AND (%s::bigint IS NULL OR template.id = %s)
    ORDER BY template.next_occurrence LIMIT %s
    FOR NO KEY UPDATE OF template SKIP LOCKED FOR SHARE OF users SKIP LOCKED
"""
# A slot that is already there was handled before: its task may have been erased since.
_CLAIM_SLOTS = """
    INSERT INTO series_slots (user_id, recurring_task_id, slot_at, outcome, recorded_at)
    SELECT user_id, template_id, slot_at, outcome, %s
    FROM unnest(%s::uuid[], %s::bigint[], %s::timestamptz[], %s::text[])
        AS new (user_id, template_id, slot_at, outcome)
    ON CONFLICT (recurring_task_id, slot_at) DO NOTHING
    RETURNING recurring_task_id, slot_at
"""
_ADVANCE = """
    UPDATE recurring_tasks
    SET next_occurrence = new.next_at, is_active = new.next_at IS NOT NULL, version = version + 1,
        updated_at = %s, failed_at = NULL, failure = ''
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS new (id, next_at)
    WHERE recurring_tasks.id = new.id
"""


class Plan(NamedTuple):
    """What to do about a template: slots to make tasks for, slots to record as missed, and the next slot."""

    template: RecurringTask
    made: list[datetime]
    missed: list[datetime]
    next: datetime | None


@Question
def has_due(now: datetime) -> QuerySet[RecurringTask]:
    """Whether `generate_due` has something to generate, which another process may hold."""
    may_be_tried = Q(failed_at=None) | queues.passed(now, wait=RETRY_AFTER_FAILURE, field="failed_at")
    return RecurringTask.objects.filter(may_be_tried, is_active=True, next_occurrence__lte=now)


def generate_due(limit: int = BATCH) -> int:
    """Generate what is due, oldest first, for SECONDS_PER_CALL; how many tasks.

    Templates that another process holds are left to it, and those of closed accounts to the erasure.
    """
    deadline = monotonic() + SECONDS_PER_CALL
    generated, more = 0, True
    while more and monotonic() < deadline:
        tasks, more = _generate_batch(limit)
        generated += tasks
    return generated


def _generate_batch(limit: int) -> tuple[int, bool]:
    """Generate one batch; how many tasks, and whether there may be more.

    After a long downtime a template is due for many slots, so a batch also ends at `limit` slots.
    """
    templates: Sequence[RecurringTask] = []
    now = timezone.now()
    try:
        with transaction.atomic():
            templates = _claim(now, limit=limit)
            plans = _plans(templates, now, at_most=limit)
            return carry_out(plans, now), len(plans) < len(templates) or len(templates) == limit
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.warning("templates_generated_one_by_one", count=len(templates), error=str(error))
        return sum(_generate_alone(template.pk, now) for template in templates), len(templates) == limit


def _generate_alone(pk: int, now: datetime) -> int:
    """Generate one template; a failure is recorded with it."""
    try:
        with transaction.atomic():
            return carry_out([plan_of(template, now) for template in _claim(now, pk=pk)], now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("template_failed", template_id=pk)
        failure = f"{type(error).__name__}: {error}"[:LONGEST_FAILURE]
        RecurringTask.objects.filter(pk=pk).update(failed_at=now, failure=failure)
        return 0


def _claim(now: datetime, *, limit: int = 1, pk: int | None = None) -> list[RecurringTask]:
    due = RecurringTask.objects.raw(_CLAIM, [now, now - RETRY_AFTER_FAILURE, now, pk, pk, limit])
    return list(due)


def _plans(templates: Sequence[RecurringTask], now: datetime, *, at_most: int) -> list[Plan]:
    """The plans of the first of these templates, until they have `at_most` slots or more."""
    plans: list[Plan] = []
    slots = 0
    for template in templates:
        if slots >= at_most:
            break
        plans.append(plan_of(template, now))
        slots += len(plans[-1].made) + len(plans[-1].missed)
    return plans


def carry_out(plans: Sequence[Plan], now: datetime) -> int:
    """Generate the tasks of these plans, and advance their templates; how many tasks.

    The templates are locked, and have their `tag_ids`.
    """
    if not plans:
        return 0
    new = record_slots(
        [(plan.template, slot, SeriesSlot.Outcome.MADE) for plan in plans for slot in plan.made]
        + [(plan.template, slot, SeriesSlot.Outcome.MISSED) for plan in plans for slot in plan.missed],
        now=now,
    )
    drafts = [
        draft_of(plan.template, slot)
        for plan in plans
        for slot in plan.made
        if (plan.template.pk, slot) in new
    ]
    task_writes.create(drafts)
    _advance(plans, now)
    transaction.on_commit(_marker([plan.template.pk for plan in plans], now), robust=True)
    log.info("tasks_generated", templates=len(plans), tasks=len(drafts))
    return len(drafts)


def plan_of(template: RecurringTask, now: datetime) -> Plan:
    """What a due template is due for. After a downtime its policy decides; the newest slots are recorded.

    Raises RuleError for a rule or zone that is not known any more.
    """
    due, series = template.next_occurrence, template.series
    assert due is not None
    following = series.next_after(due)
    slots = [due]
    if following is not None and following <= now:
        came_up = series.catch_up(due - MINUTE, now, "all")
        slots, following = came_up.slots, came_up.next
    made = {
        RecurringTask.CatchUp.LATEST.value: slots[-1:],
        RecurringTask.CatchUp.ALL.value: slots,
        RecurringTask.CatchUp.SKIP.value: [slot for slot in slots if slot > now - ON_TIME],
    }[template.catch_up]
    return Plan(template, made, [slot for slot in slots if slot not in made], following)


def draft_of(template: RecurringTask, slot: datetime) -> Draft:
    """The task of a template for a slot, to be written."""
    due_after = template.due_after_minutes
    task = Task(
        user_id=template.user_id,
        title=template.template_title,
        description=template.template_description,
        priority_id=template.priority_id,
        timezone=template.timezone,
        due_at=None if due_after is None else slot + timedelta(minutes=due_after),
        reminder_offsets=list(template.reminder_offsets),
        # Reminders since the slot ring, also when the task is generated late.
        reminded_until=slot - MINUTE,
        recurring_task_id=template.pk,
        occurrence_at=slot,
    )
    return Draft(task, template.tag_ids)


def record_slots(
    slots: Sequence[tuple[RecurringTask, datetime, str]], *, now: datetime
) -> set[tuple[int, datetime]]:
    """Record what became of these slots (template, slot, outcome); those that were not recorded before."""
    if not slots:
        return set()
    columns: list[list[Any]] = [
        [template.user_id for template, _, _ in slots],
        [template.pk for template, _, _ in slots],
        [slot for _, slot, _ in slots],
        [str(outcome) for _, _, outcome in slots],
    ]
    with prepared_cursor() as cursor:
        cursor.execute(_CLAIM_SLOTS, [now, *columns])
        return set(cursor.fetchall())


def _advance(plans: Sequence[Plan], now: datetime) -> None:
    with prepared_cursor() as cursor:
        cursor.execute(_ADVANCE, [now, [plan.template.pk for plan in plans], [plan.next for plan in plans]])
    for plan in plans:
        plan.template.next_occurrence, plan.template.is_active = plan.next, plan.next is not None
        plan.template.version += 1
        plan.template.updated_at, plan.template.failed_at, plan.template.failure = now, None, ""


def _marker(template_ids: Sequence[int], now: datetime) -> Callable[[], object]:
    return lambda: mark_templates_processed(template_ids, at=now)
