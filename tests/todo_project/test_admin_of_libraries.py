"""The libraries' tables in the admin: ticks are shown only."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tests.tasks_app.admin_pages import act, shown, url_of

pytestmark = pytest.mark.django_db


def make_tick(name: str) -> PeriodicTask:
    every, _ = IntervalSchedule.objects.get_or_create(every=len(name), period="seconds")
    return PeriodicTask.objects.create(name=name, task="events_app.retry_parked_events", interval=every)


def test_every_model_of_ours_has_its_page_and_schedules_have_none() -> None:
    shown = {model._meta.label for model in admin.site._registry}
    ours = {
        model._meta.label for model in apps.get_models() if model.__module__.split(".")[0].endswith("_app")
    }
    # A field of its task's page, and parts of its reminder's and its turn's.
    parts = {"tasks_app.TaskTag", "notifications_app.ReminderAction", "chat_app.ToolCall", "chat_app.Change"}
    # What users wrote, operators need not read; a day's use is a counter.
    assert ours - shown == {*parts, "chat_app.Message", "chat_app.DayOfUse"}
    assert not {name for name in shown if name.endswith("Schedule")}


def test_ticks_are_shown_only(operator: Client) -> None:
    tick = make_tick("retry")
    assert shown(operator, PeriodicTask, q="retry") == [tick]
    assert operator.get(url_of("change", tick)).status_code == 200
    for page, row in [("add", PeriodicTask), ("change", tick), ("delete", tick)]:
        assert operator.post(url_of(page, row), {"post": "yes"}).status_code == 403
    for action in ("delete_selected", "disable_tasks", "run_tasks"):
        act(operator, action, [tick], post="yes")
    tick.refresh_from_db()
    assert tick.enabled


def test_a_page_asks_the_same_for_3_and_for_30(operator: Client) -> None:
    asked = []
    for number in (3, 30):
        for n in range(number):
            make_tick(f"name{n}-{number}")
        for url in (url_of("changelist", PeriodicTask), url_of("change", PeriodicTask.objects.first())):
            operator.get(url)
            with CaptureQueriesContext(connection) as queries:
                assert operator.get(url).status_code == 200
            asked.append(len(queries))
    assert asked[:2] == asked[2:]
