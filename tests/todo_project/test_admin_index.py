"""The admin's first page says at the top how the backend is, and links to what is wrong."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts_app.models import User
from events_app.models import DeadLetter, OutboxEvent, ParkedEvent
from events_app.shards import LOCK_ID
from notifications_app.models import Delivery
from tasks_app.models import Task
from todo_project.models import TickRun

pytestmark = pytest.mark.django_db

EVENT = {
    "topic": "reminders",
    "type": "reminder.due",
    "key": "alice",
    "subject": "1",
    "sequence": 1,
    "data": {},
}


def park(number: int) -> None:
    for _ in range(number):
        ParkedEvent.objects.create(group="notifications", **EVENT)


@pytest.fixture(autouse=True)
def scan_runs() -> None:
    TickRun.objects.create(name="scan-reminders", last_run_at=timezone.now())


@pytest.fixture
def active_relay() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_ID])


def state(operator: Client) -> dict[str, tuple[str, str, str]]:
    """(state, text, URL) of each line of the table."""
    page = operator.get("/admin/").content.decode()
    assert page.index('id="state"') < page.index('id="content-main"')
    rows = re.findall(
        r'<tr class="(\w+)">.*?<th scope="row">(?:<a href="([^"]*)">)?([^<]*).*?<td>([^<]*)</td>',
        page,
        re.DOTALL,
    )
    return {name: (kind, text, url) for kind, url, name, text in rows}


def headline(operator: Client) -> tuple[str, str]:
    (found,) = re.findall(r'<h2 class="(\w+)">([^<]*)</h2>', operator.get("/admin/").content.decode())
    return found


@pytest.mark.usefixtures("active_relay")
def test_a_backend_that_works_says_so(operator: Client) -> None:
    assert headline(operator) == ("ok", "Everything works.")
    facts = state(operator)
    assert {kind for kind, _, _ in facts.values()} == {"ok"}
    assert facts["PostgreSQL"][1] == "It answers."
    assert facts["Relay"][1] == "One is active."
    assert facts["Due reminders"][1] == "None waits."


def test_without_a_relay_it_does_not_work(operator: Client) -> None:
    assert headline(operator) == ("broken", "Something does not work.")
    assert next(iter(state(operator))) == "Relay"


@pytest.mark.usefixtures("active_relay")
def test_what_is_stuck_is_seen_at_once_with_a_link_to_it(operator: Client) -> None:
    park(3)
    assert headline(operator) == ("warning", "Something needs a look.")
    kind, text, url = next(iter(state(operator).values()))
    assert (kind, text) == ("warning", "Waiting for a retry: 3. See their errors.")
    assert operator.get(url.replace("&amp;", "&")).context["cl"].result_count == 3
    DeadLetter.objects.create(group="sync", **EVENT, attempts=10, error="no")
    assert headline(operator) == ("broken", "Something does not work.")
    kind, text, url = next(iter(state(operator).values()))
    assert (kind, text) == ("broken", "Given up: 1. Fix the cause, then requeue them.")
    assert operator.get(url.replace("&amp;", "&")).context["cl"].result_count == 1


@pytest.mark.usefixtures("active_relay")
def test_a_scan_that_does_not_run_is_seen_at_once(operator: Client) -> None:
    TickRun.objects.update(last_run_at=timezone.now() - timedelta(minutes=2))
    name, (kind, text, _) = next(iter(state(operator).items()))
    assert (name, kind) == ("Reminder scan", "broken")
    assert re.fullmatch(r"It has not run for 12\d s: beat or the ticker does not run\.", text)
    TickRun.objects.all().delete()
    assert state(operator)["Reminder scan"][1] == "It has not run yet: beat or the ticker does not run."


@pytest.mark.usefixtures("active_relay")
def test_what_waits_for_too_long_names_its_reason(operator: Client, alice: User) -> None:
    ago = timezone.now() - timedelta(minutes=5)
    OutboxEvent.objects.create(**EVENT, time=ago)
    Task.objects.create(user=alice, title="water", reminder_at=ago)
    facts = state(operator)
    kind, text, _ = facts["Events on their way"]
    assert kind == "broken"
    assert re.fullmatch(r"Waiting: \d, the oldest for 0:05:0\d: the relay makes no progress\.", text)
    kind, text, _ = facts["Due reminders"]
    assert kind == "broken"
    assert re.fullmatch(r"Waiting: 1, the oldest for 0:05:0\d: beat or the ticker does not run\.", text)


@pytest.mark.usefixtures("active_relay")
def test_deliveries_that_failed_are_a_warning(operator: Client, alice: User) -> None:
    for n, kind in enumerate(("failed", "sent")):
        Delivery.objects.create(
            user=alice, event_id=f"{n:032}", channel="web_push", target="https://push.example.test/x",
            state=kind, expires_at=timezone.now(),
        )  # fmt: skip
    kind, text, url = state(operator)["Deliveries"]
    assert (kind, text) == ("warning", "1 failed of the latest 2 in 24 h: their attempts say why.")
    assert operator.get(url).context["cl"].result_count == 1


def test_every_link_opens(operator: Client) -> None:
    urls = [url.replace("&amp;", "&") for _, _, url in state(operator).values() if url]
    assert len(urls) >= 8
    for url in urls:
        response = operator.get(url)
        assert response.status_code == 200, url  # a filter that is not allowed would redirect


def test_it_has_a_name_of_its_own(operator: Client) -> None:
    page = operator.get("/admin/").content.decode()
    assert "<title>Operation | To-do backend</title>" in page
    assert "Django" not in page


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
