"""The libraries' tables in the admin: ticks are shown only, tokens are never shown whole."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from accounts_app.models import User
from tests.tasks_app.admin_pages import act, operator_client, shown, url_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    return operator_client()


def make_tick(name: str) -> PeriodicTask:
    every, _ = IntervalSchedule.objects.get_or_create(every=len(name), period="seconds")
    return PeriodicTask.objects.create(name=name, task="events_app.retry_parked_events", interval=every)


def make_token(name: str) -> BlacklistedToken:
    token = RefreshToken.for_user(User.objects.create(email=f"{name}@example.test"))
    token.blacklist()
    return BlacklistedToken.objects.get(token__jti=token["jti"])


def test_every_model_of_ours_has_its_page_and_schedules_have_none() -> None:
    shown = {model._meta.label for model in admin.site._registry}
    ours = {
        model._meta.label for model in apps.get_models() if model.__module__.split(".")[0].endswith("_app")
    }
    assert ours - shown == {"tasks_app.TaskTag"}  # inline, on its task's page
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


def test_a_token_is_not_shown_whole(operator: Client) -> None:
    token = make_token("alice").token
    page = operator.get(url_of("change", token)).content.decode()
    assert token.jti in page
    assert token.token not in page
    assert (
        shown(operator, OutstandingToken, q="alice@")
        == shown(operator, OutstandingToken, q=token.jti)
        == [token]
    )


@pytest.mark.parametrize(
    ("model", "make"),
    [(PeriodicTask, make_tick), (OutstandingToken, make_token), (BlacklistedToken, make_token)],
)
def test_a_page_asks_the_same_for_3_and_for_30(operator: Client, model: Any, make: Any) -> None:
    asked = []
    for number in (3, 30):
        for n in range(number):
            make(f"name{n}-{number}")
        for url in (url_of("changelist", model), url_of("change", model.objects.first())):
            operator.get(url)
            with CaptureQueriesContext(connection) as queries:
                assert operator.get(url).status_code == 200
            asked.append(len(queries))
    assert asked[:2] == asked[2:]
