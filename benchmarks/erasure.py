"""Erasing a closed account with many tasks, by the tick's function, with a relay for the events."""

import time

import psutil
from django.db import connection

from accounts_app.erasure import close_account, erase_closed_accounts
from accounts_app.models import User
from benchmarks.report import Report, table
from benchmarks.stage import Stage, execute, people
from events_app.models import OutboxEvent
from tasks_app.models import Tag, Task
from tasks_app.services import create_task

# The tick comes each 2 s and works for 1.5 s of them (CELERY_BEAT_SCHEDULE, erasure.SECONDS_PER_CALL).
PAUSE_SECONDS = 0.5
REPORTED = (10, 25, 50, 75, 100)  # in hundredths of the tasks


def run(stage: Stage) -> Report:
    """Tasks a second, memory and the depth of the outbox, as the account becomes smaller."""
    user = people("leaving", 1)[0].user
    _furnish(user, stage.tasks)
    close_account(user)
    execute("VACUUM ANALYZE")
    rows: list[list[str]] = []
    deepest, started = 0, time.monotonic()
    with stage.process("relay_outbox"):
        while User.objects.filter(pk=user.pk).exists():
            erase_closed_accounts()
            deepest = max(deepest, OutboxEvent.objects.count())
            gone = stage.tasks - Task.objects.filter(user=user).count()
            if len(rows) < len(REPORTED) and gone >= stage.tasks * REPORTED[len(rows)] // 100:
                rows.append(_row(gone, time.monotonic() - started, deepest))
                print(*rows[-1], flush=True)
            time.sleep(PAUSE_SECONDS)
    whole = time.monotonic() - started
    return Report(
        "Erasing an account",
        [
            f"{stage.tasks:,} tasks, each with a tag; {whole:,.0f} s until nothing of the account was left,"
            f" with the tick's pauses: **{stage.tasks / whole:,.0f} tasks a second**.",
            table(["tasks erased", "after, s", "a second", "deepest outbox", "resident, MB"], rows),
        ],
    )


def _furnish(user: User, tasks: int) -> None:
    """As many tasks as that, copies of one, each with a tag."""
    tag = Tag.objects.create(user=user, name="everything")
    first = create_task(user, title="Water the plants", description="All of them.")
    columns = [str(field.column) for field in Task._meta.concrete_fields if not field.primary_key]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO tasks ({', '.join(columns)}) SELECT {', '.join(columns)} FROM tasks,"
            " generate_series(2, %s) WHERE id = %s",
            [tasks, first.pk],
        )
        cursor.execute(
            "INSERT INTO task_tags (task_id, tag_id, created_at)"
            " SELECT id, %s, now() FROM tasks WHERE user_id = %s",
            [tag.pk, user.pk],
        )


def _row(gone: int, seconds: float, deepest: int) -> list[str]:
    resident = psutil.Process().memory_info().rss / 2**20
    return [f"{gone:,}", f"{seconds:,.0f}", f"{gone / seconds:,.0f}", f"{deepest:,}", f"{resident:.0f}"]
