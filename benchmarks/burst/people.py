"""People with a browser and a task each, whose reminders come at one instant."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connection

from accounts_app.models import User
from benchmarks.stage import execute, people
from devkit.demo.push_service import Browser
from notifications_app.models import PushSubscription
from notifications_app.subscriptions import MAX_PER_USER
from tasks_app import task_writes
from tasks_app.models import Task
from tasks_app.task_writes import Draft

# Neither is done while the reminders are due: they are made first, for a time that never comes.
NEVER = datetime.fromisoformat("2099-01-01T00:00:00+00:00")
_DUE = """
    UPDATE tasks SET reminder_at = due.at, next_reminder_at = due.at
    FROM (
        SELECT id, %s + make_interval(secs => %s)
            * (row_number() OVER (ORDER BY id) / count(*) OVER ()::float) AS at
        FROM (SELECT id FROM tasks WHERE %s OR reminder_at = %s ORDER BY id LIMIT %s) AS chosen
    ) AS due
    WHERE tasks.id = due.id
"""


def new_browser() -> Browser:
    """The keys of a browser, which all of some people may have."""
    return Browser(ec.generate_private_key(ec.SECP256R1()), uuid4().bytes, "")


def with_a_browser_each(endpoints: Sequence[str], browser: Browser | None = None) -> None:
    """A user with a browser for each of these endpoints, and a task without a time yet."""
    users = [one.user for one in people(f"reader-{uuid4()}", len(endpoints))]
    _subscribe(users, endpoints, browser or new_browser())
    _tasks(users)


def with_a_task_each(count: int) -> None:
    """Users without a browser, and a task without a time yet for each."""
    _tasks([one.user for one in people(f"reader-{uuid4()}", count)])


def with_many_browsers(endpoints: Sequence[str]) -> None:
    """As few users as may have so many browsers together, and a task for each user."""
    starts = range(0, len(endpoints), MAX_PER_USER)
    users = [one.user for one in people(f"many-{uuid4()}", len(starts))]
    for user, start in zip(users, starts, strict=True):
        own = endpoints[start : start + MAX_PER_USER]
        _subscribe([user] * len(own), own, new_browser())
    _tasks(users)


def due_at(
    instant: datetime,
    *,
    over: timedelta = timedelta(0),
    again: bool = False,
    limit: int | None = None,
) -> None:
    """Have every reminder that has no time yet come at this instant, as if the tasks had been written so.

    With `over` they come from then on at a steady pace, the last one after so long; with `again` those come
    too that had a time before. With `limit` it is so many of them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [instant, over.total_seconds(), again, NEVER, limit])
    execute("VACUUM ANALYZE tasks")


def _subscribe(users: Sequence[User], endpoints: Sequence[str], browser: Browser) -> None:
    keys = browser.subscription
    del keys["endpoint"]
    PushSubscription.objects.bulk_create(
        PushSubscription(user=user, endpoint=endpoint, user_agent="a browser", **keys)
        for user, endpoint in zip(users, endpoints, strict=True)
    )


def _tasks(users: list[User]) -> None:
    tasks = [Task(user=user, title="Take the medicine", reminder_at=NEVER) for user in users]
    for start in range(0, len(tasks), 500):
        task_writes.create([Draft(task) for task in tasks[start : start + 500]])
    execute("TRUNCATE outbox_events")
