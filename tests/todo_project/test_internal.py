"""A scheduler outside of the backend may have due reminders claimed, with a token."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts_app.models import User
from notifications_app.models import Reminder
from tasks_app.models import Task
from todo_project import tick_runs
from todo_project.models import TickRun

URL = "/internal/check-reminders"
TOKEN = "a token for the tests"


@pytest.fixture(autouse=True)
def configured(settings: Settings) -> None:
    settings.INTERNAL_TOKEN = TOKEN
    tick_runs.recorded_at.clear()


def post(authorization: str | None) -> tuple[int, str]:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = Client(enforce_csrf_checks=True).post(URL, headers=headers)
    return response.status_code, response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_it_claims_what_is_due_and_counts_as_a_run_of_the_scan(alice: User) -> None:
    for ago in (1, 2):
        Task.objects.create(user=alice, title="x", reminder_at=timezone.now() - timedelta(seconds=ago))
    assert post(f"Bearer {TOKEN}") == (200, '{"claimed": 2}')
    assert Reminder.objects.count() == 2
    assert TickRun.objects.get().name == "scan-reminders"
    assert post(f"bearer {TOKEN}") == (200, '{"claimed": 0}')


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer é"]
)
def test_without_the_token_nothing_happens(authorization: str | None) -> None:
    assert post(authorization) == (401, "Bearer token needed.\n")


@pytest.mark.parametrize("authorization", [None, "Bearer ", f"Bearer {TOKEN}"])
def test_without_a_setting_there_is_no_such_page(settings: Settings, authorization: str | None) -> None:
    settings.INTERNAL_TOKEN = ""
    assert post(authorization)[0] == 404


def test_it_is_posted_to() -> None:
    assert Client().get(URL, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405
