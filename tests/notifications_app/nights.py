"""A night in Berlin with quiet hours from ten to seven, and what happens in it."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.models import Delivery, Reminder
from notifications_app.releasing import release_reminders
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver
from tasks_app.models import Task
from tests.notifications_app.conftest import task_due

NIGHT = datetime(2026, 3, 2, 22, tzinfo=UTC)  # 23:00 in Berlin
MORNING = datetime(2026, 3, 3, 6, tzinfo=UTC)  # 7:00 in Berlin
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def sleeping(user: User) -> User:
    """The user with quiet hours from ten to seven, in Berlin."""
    user.quiet_from, user.quiet_to = time(22), time(7)
    user.save()
    return user


def states() -> list[str]:
    return list(Reminder.objects.order_by("reminder_at", "pk").values_list("state", flat=True))


def send() -> None:
    """Release what waits, and make one attempt of each delivery that is due."""
    release_reminders()
    for pk in Delivery.objects.order_by("pk").values_list("pk", flat=True):
        deliver(pk)


def shown(service: PushService) -> list[tuple[str, str]]:
    """The title and the body of each notification."""
    notifications = [message.payload["notification"] for message in service.messages]
    return [(one["title"], one.get("body", "")) for one in notifications]


def locked(task: Task) -> Task:
    return Task.objects.filter(pk=task.pk).locked().get()


def rings(alice: User, clock: Any, *titles: str) -> list[Task]:
    """Tasks whose reminders come due at night, a minute after one another."""
    tasks = []
    for title in titles:
        clock.shift(MINUTE)
        tasks.append(task_due(alice, title=title))
        assert scan_reminders() == 1
    return tasks
