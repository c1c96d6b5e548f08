"""The admin's first page says how the system is."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events_app.models import ParkedEvent

pytestmark = pytest.mark.django_db


def park(number: int) -> None:
    for _ in range(number):
        ParkedEvent.objects.create(
            group="notifications", topic="reminders", type="reminder.due", key="alice", subject="1",
            sequence=1, data={},
        )  # fmt: skip


def test_what_is_stuck_is_seen_at_once(operator: Client) -> None:
    park(3)
    page = operator.get("/admin/").content.decode()
    assert "Events that wait for a retry, at most 10000. notifications</th><td>3</td>" in page
    assert "Whether a relay holds the lock.</th><td>0</td>" in page


def test_the_same_queries_however_much_there_is(operator: Client) -> None:
    operator.get("/admin/")
    asked = []
    for number in (1, 20):
        park(number)
        with CaptureQueriesContext(connection) as queries:
            operator.get("/admin/")
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 30


def test_who_is_no_operator_sees_nothing_of_it(operator: Client) -> None:
    operator.logout()
    assert b"retry" not in operator.get("/admin/", follow=True).content
