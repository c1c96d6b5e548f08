"""`/r/{token}`: what the links of a notification do, once, and what they say when they do nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from accounts_app.erasure import close_account
from accounts_app.models import User
from events_app.models import OutboxEvent
from notifications_app.actions import links
from notifications_app.models import Reminder, ReminderAction
from notifications_app.scan import scan_reminders
from tasks_app.models import Task
from tasks_app.services import complete_task, reopen_task, snooze_task, trash_task, update_task
from tests.notifications_app.conftest import NOON, relay, task_due

pytestmark = pytest.mark.usefixtures("noon")

http = Client()
CHANGING = ("complete", "snooze_10_minutes", "snooze_1_hour", "snooze_tomorrow")


def rung(user: User, **fields: object) -> Reminder:
    """A reminder that came due and was claimed."""
    task_due(user, **fields)
    assert scan_reminders() == 1
    return Reminder.objects.select_related("task").latest("id")


def path_of(reminder: Reminder, action: str) -> str:
    return links(reminder)[action].removeprefix("https://localhost")


def post(path: str) -> dict[str, Any]:
    response = http.post(path, headers={"Accept": "application/json"})
    assert response.status_code == 200, response.content
    return response.json()


def undo(answer: dict[str, Any]) -> dict[str, Any]:
    return post(answer["undo"]["url"].removeprefix("https://localhost"))


def the_task() -> Task:
    return Task.objects.get()


def locked(task: Task) -> Task:
    return Task.objects.filter(pk=task.pk).locked().get()


def test_complete_completes_the_task_as_its_user(alice: User) -> None:
    reminder = rung(alice)
    OutboxEvent.objects.all().delete()
    answer = post(path_of(reminder, "complete"))
    assert (answer["action"], answer["outcome"], answer["changed"]) == ("complete", "done", True)
    assert (answer["task_id"], answer["title"]) == (reminder.task_id, "Call mum")
    assert answer["message"] == "Completed."
    assert the_task().completed
    assert [(event.type, event.actor) for event in OutboxEvent.objects.filter(type="task.completed")] == [
        ("task.completed", "user")
    ]


@pytest.mark.parametrize(
    ("action", "until"),
    [
        ("snooze_10_minutes", NOON + timedelta(minutes=10)),
        ("snooze_1_hour", NOON + timedelta(hours=1)),
        ("snooze_tomorrow", datetime(2026, 3, 3, 6, 30, tzinfo=UTC)),  # 7:30 in Berlin
    ],
)
def test_snooze_rings_again_at_that_time(alice: User, action: str, until: datetime) -> None:
    alice.day_starts_at = time(7, 30)
    alice.save()
    answer = post(path_of(rung(alice), action))
    assert (answer["outcome"], answer["changed"]) == ("done", True)
    assert datetime.fromisoformat(answer["snoozed_until"]) == until
    task = the_task()
    assert (task.snoozed_until, task.next_reminder_at) == (until, until)


def test_tomorrow_begins_at_the_owners_midnight(alice: User, noon: time_machine.Traveller) -> None:
    noon.move_to(datetime(2026, 3, 2, 23, 30, tzinfo=UTC), tick=False)  # 0:30 of the third in Berlin
    answer = post(path_of(rung(alice), "snooze_tomorrow"))
    assert answer["snoozed_until"] == "2026-03-04T08:00:00Z"
    assert "Wednesday, 4 March at 09:00" in answer["message"]


def test_a_day_that_the_zone_does_not_have_is_passed_over(alice: User, noon: time_machine.Traveller) -> None:
    alice.timezone = "Pacific/Apia"
    alice.save()
    noon.move_to(datetime(2011, 12, 30, 4, tzinfo=UTC), tick=False)  # the 29th; the 30th does not exist
    assert post(path_of(rung(alice), "snooze_tomorrow"))["snoozed_until"] == "2011-12-30T19:00:00Z"


@pytest.mark.parametrize("action", CHANGING)
def test_a_replay_says_what_the_first_did_and_changes_nothing(
    alice: User, action: str, noon: time_machine.Traveller
) -> None:
    path = path_of(rung(alice), action)
    first = post(path)
    version = the_task().version
    noon.shift(30)
    again = post(path)
    assert (again["outcome"], again["changed"]) == ("done", False)
    assert again["snoozed_until"] == first["snoozed_until"]
    assert again["message"].endswith("Using the link again changes nothing.")
    assert the_task().version == version
    assert ReminderAction.objects.count() == 1


def test_a_replay_after_a_reopen_does_not_complete_it_again(
    alice: User, noon: time_machine.Traveller
) -> None:
    path = path_of(rung(alice), "complete")
    post(path)
    reopen_task(locked(the_task()))
    noon.shift(timedelta(days=6))
    again = post(path)
    assert (again["outcome"], again["changed"], again["undo"]) == ("done", False, None)
    assert not the_task().completed


def moved(task: Task) -> None:
    update_task(task, reminder_at=NOON + timedelta(hours=3))


def archived(task: Task) -> None:
    update_task(task, archived=True)


def closed(task: Task) -> None:
    close_account(task.user)


def erased(task: Task) -> None:
    task.delete()


@pytest.mark.parametrize("action", CHANGING)
@pytest.mark.parametrize(
    ("happened", "outcome"),
    [
        (complete_task, "completed"),
        (trash_task, "deleted"),
        (erased, "deleted"),
        (archived, "archived"),
        (moved, "moved"),
        (closed, "closed"),
    ],
)
def test_what_is_not_possible_any_more_is_said_in_words(
    alice: User, action: str, happened: Callable[[Task], object], outcome: str
) -> None:
    reminder = rung(alice)
    path = path_of(reminder, action)
    happened(locked(reminder.task))
    before = Task.objects.values().first()
    events = OutboxEvent.objects.count()
    for _ in range(2):  # the second is a replay
        answer = post(path)
        assert (answer["outcome"], answer["changed"], answer["undo"]) == (outcome, False, None)
        assert answer["message"].endswith("Nothing was changed.")
    assert Task.objects.values().first() == before
    assert OutboxEvent.objects.count() == events


def test_what_was_refused_once_is_not_done_later(alice: User) -> None:
    reminder = rung(alice)
    path = path_of(reminder, "complete")
    complete_task(locked(reminder.task))
    assert post(path)["outcome"] == "completed"
    reopen_task(locked(reminder.task))
    assert post(path)["outcome"] == "completed"
    assert not the_task().completed


def test_the_end_of_a_snooze_can_be_snoozed_again_and_still_be_completed(
    alice: User, noon: time_machine.Traveller
) -> None:
    post(path_of(rung(alice), "snooze_10_minutes"))
    noon.shift(timedelta(minutes=10))
    assert scan_reminders() == 1
    second = Reminder.objects.select_related("task").latest("id")
    assert second.reminder_at == NOON + timedelta(minutes=10)
    assert post(path_of(second, "snooze_1_hour"))["changed"]
    assert post(path_of(second, "complete"))["changed"]


def test_a_snooze_chosen_elsewhere_makes_an_old_snooze_s_notification_old(
    alice: User, noon: time_machine.Traveller
) -> None:
    post(path_of(rung(alice), "snooze_10_minutes"))
    noon.shift(timedelta(minutes=10))
    scan_reminders()
    second = Reminder.objects.select_related("task").latest("id")
    snooze_task(locked(second.task), until=NOON + timedelta(days=1))
    assert post(path_of(second, "complete"))["outcome"] == "moved"


def test_undo_opens_a_completed_task_again_once(alice: User) -> None:
    done = post(path_of(rung(alice), "complete"))
    assert done["undo"]["expires_at"] == "2026-03-02T12:10:00Z"
    undone = undo(done)
    assert (undone["action"], undone["outcome"], undone["changed"]) == ("complete", "undone", True)
    task = the_task()
    assert not task.completed
    assert scan_reminders() == 0  # the reminder that rang does not ring again
    complete_task(locked(task))
    assert undo(done)["changed"] is False
    assert the_task().completed


def test_undo_takes_an_untouched_next_occurrence_back(alice: User) -> None:
    done = post(path_of(rung(alice, recurrence_rule="daily", due_at=NOON), "complete"))
    relay()
    assert Task.objects.filter(deleted_at=None, completed=False).count() == 1
    assert undo(done)["changed"]
    assert Task.objects.get(deleted_at=None, completed=False).pk == done["task_id"]


@pytest.mark.parametrize("before", [None, NOON - timedelta(minutes=5), NOON + timedelta(hours=5)])
def test_undo_sets_a_snooze_back_to_the_one_before(alice: User, before: datetime | None) -> None:
    reminder = rung(alice)
    if before is not None:
        snooze_task(locked(reminder.task), until=before)
    done = post(path_of(reminder, "snooze_1_hour"))
    assert undo(done)["outcome"] == "undone"
    task = the_task()
    assert task.snoozed_until == before
    assert task.next_reminder_at == (before if before and before > NOON else None)


@pytest.mark.parametrize("action", ["complete", "snooze_1_hour"])
def test_undo_changes_nothing_when_the_task_was_changed_since(alice: User, action: str) -> None:
    done = post(path_of(rung(alice), action))
    trash_task(locked(the_task()))
    answer = undo(done)
    assert (answer["outcome"], answer["changed"]) == ("changed", False)
    assert answer["message"] == "The task was changed since then. Nothing was changed."


def test_undo_is_offered_for_ten_minutes(alice: User, noon: time_machine.Traveller) -> None:
    path = path_of(rung(alice), "complete")
    done = post(path)
    noon.shift(timedelta(minutes=10, seconds=-1))
    assert post(path)["undo"] is not None
    noon.shift(1)
    assert post(path)["undo"] is None
    expired = http.post(done["undo"]["url"].removeprefix("https://localhost"))
    assert expired.status_code == 404
    assert the_task().completed


def test_looking_changes_nothing(alice: User) -> None:
    reminder = rung(alice)
    for action in links(reminder):
        for method in (http.get, http.head):
            assert method(path_of(reminder, action)).status_code == 200
    assert ReminderAction.objects.count() == 0
    task = the_task()
    assert (task.completed, task.snoozed_until) == (False, None)


def test_a_page_has_a_button_for_each_action_and_no_script(alice: User) -> None:
    reminder = rung(alice, title="<b>Mum</b> & dad")
    page = http.get(path_of(reminder, "open")).content.decode()
    assert page.count("<button>") == 4
    assert "&lt;b&gt;Mum&lt;/b&gt; &amp; dad" in page
    assert "<script" not in page
    assert 'name="viewport"' in page
    single = http.get(path_of(reminder, "complete")).content.decode()
    assert single.count("<button>") == 1
    assert ">Complete</button>" in single


def test_the_buttons_of_a_page_work_and_lead_to_undo(alice: User) -> None:
    page = http.get(path_of(rung(alice), "open")).content.decode()
    action = page.split('action="')[1].split('"')[0]
    done = http.post(action).content.decode()
    assert the_task().completed
    assert 'role="status">Completed.' in done
    assert ">Undo</button>" in done
    http.post(done.split('action="')[1].split('"')[0])
    assert not the_task().completed


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
def test_other_methods_are_refused(alice: User, method: str) -> None:
    response = getattr(http, method)(path_of(rung(alice), "complete"))
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, POST, OPTIONS"


def test_the_page_of_all_buttons_cannot_be_posted_to(alice: User) -> None:
    assert http.post(path_of(rung(alice), "open")).status_code == 405


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", ""),
        (b"{}", "application/json"),
        (b"{not JSON", "application/json"),
        (b"a=b", "application/x-www-form-urlencoded"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"\x00\xff", "application/octet-stream"),
        (b"<a/>", "text/xml"),
    ],
)
def test_any_body_will_do(alice: User, body: bytes, content_type: str) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post(path_of(rung(alice), "complete"), body, content_type=content_type)
    assert response.status_code == 200
    assert the_task().completed


@pytest.mark.parametrize("token", ["A" * 71, "x", "%00", "..", "é"])
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.django_db
def test_a_forged_link_is_not_found(token: str, method: str, accept: str) -> None:
    response = getattr(http, method)(f"/r/{token}", headers={"Accept": accept})
    assert response.status_code == 404
    assert response["Content-Type"].startswith(accept)
    assert "This link is incomplete or has expired." in response.content.decode()


@pytest.mark.parametrize("method", ["get", "post", "options", "put"])
@pytest.mark.parametrize("is_ours", [True, False])
def test_no_one_keeps_frames_or_passes_on_an_answer_and_any_origin_may_read_it(
    alice: User, method: str, is_ours: bool
) -> None:
    path = path_of(rung(alice), "complete") if is_ours else "/r/forged"
    headers = {"Origin": "https://client.example", "Access-Control-Request-Method": "POST"}
    response = getattr(http, method)(path, headers=headers)
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Content-Security-Policy"].startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert not response.cookies
    if method == "options":
        assert response["Access-Control-Allow-Methods"] == "GET, POST"


def test_each_address_has_a_limit(alice: User, settings: Settings) -> None:
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"links": "3/min"}
    path = path_of(rung(alice), "open")
    statuses = [http.get(path, REMOTE_ADDR="203.0.113.77") for _ in range(4)]
    assert [response.status_code for response in statuses] == [200, 200, 200, 429]
    assert 0 < int(statuses[-1]["Retry-After"]) <= 60
    assert statuses[-1]["Access-Control-Allow-Origin"] == "*"
    assert http.get(path, REMOTE_ADDR="203.0.113.78").status_code == 200
