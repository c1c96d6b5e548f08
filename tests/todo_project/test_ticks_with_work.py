"""A tick without work is no message, and with work it is sent as often as the schedule says."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.conf import settings as project
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts_app.erasure import close_account
from accounts_app.mails import request_mail, send_due_mails
from accounts_app.models import DueMail, User
from events_app.models import ParkedEvent
from notifications_app.models import Delivery, Reminder
from notifications_app.scan import scan_reminders
from recurring_app.models import RecurringTask
from tasks_app.models import SeriesMove, Task
from tests.todo_project.conftest import Played, wake_for_a_minute
from todo_project.scheduler import WITHOUT_WORK_EVERY_SECONDS, Scheduler

pytestmark = pytest.mark.django_db(transaction=True)  # the library commits and closes connections

RARELY = 60 / WITHOUT_WORK_EVERY_SECONDS


def remind(user: User) -> None:
    Task.objects.create(user=user, title="Call mum", reminder_at=timezone.now() - timedelta(seconds=1))


def stall_a_delivery(user: User) -> None:
    now = timezone.now()
    Delivery.objects.create(
        user=user,
        event_id=uuid7(),
        channel="web_push",
        target="https://push.example.test/1",
        next_attempt_at=now,
        expires_at=now + timedelta(hours=1),
    )


def park_an_event(user: User) -> None:
    ParkedEvent.objects.create(
        group="recurring",
        topic="task-events",
        type="task.completed",
        key=str(user.pk),
        subject="1",
        sequence=1,
        data={},
        next_attempt_at=timezone.now(),
    )


def ask_for_a_mail(user: User) -> None:
    request_mail(DueMail.Kind.PASSWORD_RESET, str(user.email))


def have_a_template_due(user: User) -> None:
    RecurringTask.objects.create(
        user=user,
        template_title="Water the plants",
        recurrence_pattern="daily",
        starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001 - a wall clock's
        next_occurrence=timezone.now() - timedelta(seconds=1),
    )


def move_to_another_zone(user: User) -> None:
    SeriesMove.objects.create(user=user, timezone="Asia/Tokyo")


def start_the_day_earlier(user: User) -> None:
    User.objects.filter(pk=user.pk).update(day_starts_at=time(7), day_start_is_new=True)
    Task.objects.create(user=user, title="Water the plants", due_date=date(2030, 1, 1), day_starts_at=time(9))


def end_the_quiet_hours(user: User) -> None:
    remind(user)
    scan_reminders()
    Reminder.objects.update(state="waiting", waits_until=timezone.now())


WORK: dict[str, Callable[[User], None]] = {
    "scan-reminders": remind,
    "release-reminders": end_the_quiet_hours,
    "requeue-stalled-deliveries": stall_a_delivery,
    "retry-parked-events": park_an_event,
    "generate-due": have_a_template_due,
    "move-series": move_to_another_zone,
    "apply-day-starts": start_the_day_earlier,
    "erase-closed-accounts": close_account,
    "send-due-mails": ask_for_a_mail,
}


def refuse_questions(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
    if is_question(sql):
        raise OperationalError("the database system is starting up")
    return execute(sql, *rest)


def is_question(sql: str) -> bool:
    return sql.startswith("SELECT EXISTS")


def seconds(tick: str) -> float:
    """Between two of these ticks, as the schedule says."""
    return float(project.CELERY_BEAT_SCHEDULE[tick]["schedule"])


def test_without_work_ticks_are_sent_rarely(played: Played, scheduler: Scheduler, sent: list[str]) -> None:
    wake_for_a_minute(scheduler, played)
    assert {tick: sent.count(tick) for tick in WORK} == dict.fromkeys(WORK, RARELY)


@pytest.mark.parametrize("tick", project.TICK_HAS_WORK)
def test_with_work_a_tick_is_sent_each_time(
    tick: str, alice: User, played: Played, scheduler: Scheduler, sent: list[str]
) -> None:
    WORK[tick](alice)
    wake_for_a_minute(scheduler, played)
    assert sent.count(tick) == pytest.approx(60 / seconds(tick), abs=1)
    assert {other: sent.count(other) for other in WORK.keys() - {tick}} == dict.fromkeys(
        WORK.keys() - {tick}, RARELY
    )


@pytest.mark.parametrize("tick", project.TICK_HAS_WORK)
def test_new_work_waits_for_one_interval_at_most(
    tick: str, alice: User, played: Played, scheduler: Scheduler, sent: list[str]
) -> None:
    wake_for_a_minute(scheduler, played)
    sent.clear()
    WORK[tick](alice)
    since = played.seconds
    while tick not in sent:
        played.sleep(scheduler.tick() or 0)
    assert played.seconds - since <= seconds(tick)


@pytest.mark.parametrize(
    ("tick", "do"), [("scan-reminders", scan_reminders), ("send-due-mails", send_due_mails)]
)
def test_after_the_work_it_is_sent_rarely_again(
    tick: str, do: Callable[[], Any], alice: User, played: Played, scheduler: Scheduler, sent: list[str]
) -> None:
    WORK[tick](alice)
    wake_for_a_minute(scheduler, played)
    sent.clear()
    assert do() == 1
    wake_for_a_minute(scheduler, played)
    assert sent.count(tick) == RARELY


def test_without_the_database_a_tick_is_sent_each_time(
    played: Played, scheduler: Scheduler, sent: list[str]
) -> None:
    with connection.execute_wrapper(refuse_questions):
        wake_for_a_minute(scheduler, played)
    assert {tick: sent.count(tick) for tick in WORK} == {
        tick: pytest.approx(60 / seconds(tick), abs=1) for tick in WORK
    }


@pytest.mark.usefixtures("sent")
def test_all_ticks_of_a_second_are_one_question(played: Played, scheduler: Scheduler) -> None:
    with CaptureQueriesContext(connection) as queries:
        slept = wake_for_a_minute(scheduler, played)
    assert 0 < len([query for query in queries if is_question(query["sql"])]) <= slept


def test_a_lost_connection_is_replaced(played: Played, scheduler: Scheduler, sent: list[str]) -> None:
    wake_for_a_minute(scheduler, played)
    sent.clear()
    connection.connection.close()
    wake_for_a_minute(scheduler, played)
    assert RARELY <= sent.count("scan-reminders") <= RARELY + 1
