"""Notifications in the admin can be seen, and deliveries sent again, but nothing can be edited."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.sites import site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts_app.erasure import close_account, erase_closed_accounts
from accounts_app.models import User
from devkit.demo.push_profiles import RefusalError
from devkit.demo.push_service import PushService
from events_app.models import OutboxEvent
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription, Reminder
from notifications_app.planning import REMINDER_TTL
from notifications_app.push_answers import in_words
from notifications_app.sending import deliver
from tests.notifications_app.conftest import NOON, hints_sent, pending_delivery

pytestmark = pytest.mark.usefixtures("noon")

MODELS = [PushSubscription, Reminder, Delivery, DeliveryAttempt]


def url(model: type, page: str, *args: object) -> str:
    return reverse(f"admin:notifications_app_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS)
def test_lists_can_be_searched_and_cost_the_same_for_many(
    operator: Client, alice: User, service: PushService, model: type
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            response = operator.get(
                url(model, "changelist"), {"q": "example" if model is not DeliveryAttempt else ""}
            )
        assert response.status_code == 200
        counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
        assert counts
        assert all("LIMIT 10000" in sql for sql in counts)
        return len(queries)

    deliver(pending_delivery(alice, service.subscribe()).pk)
    few = statements()
    for _ in range(5):
        pending_delivery(alice, service.subscribe())
        for delivery in Delivery.objects.filter(state="pending"):
            deliver(delivery.pk)
    assert model.objects.count() > 5
    assert statements() == few


@pytest.mark.parametrize("model", MODELS)
def test_a_row_can_be_looked_at_but_not_edited_or_made(
    operator: Client, alice: User, service: PushService, model: type
) -> None:
    deliver(pending_delivery(alice, service.subscribe()).pk)
    row = model.objects.get()
    page = operator.get(url(model, "change", row.pk))
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert operator.post(url(model, "change", row.pk), {"state": "sent"}).status_code == 403
    assert operator.get(url(model, "add")).status_code == 403


def test_keys_are_not_shown(operator: Client, alice: User, service: PushService) -> None:
    browser = service.subscribe()
    pending_delivery(alice, browser)
    page = operator.get(url(PushSubscription, "change", PushSubscription.objects.get().pk))
    assert browser.subscription["auth_key"].encode() not in page.content
    assert browser.endpoint.encode() in page.content


def rows(operator: Client, model: type, query: str) -> set[object]:
    response = operator.get(url(model, "changelist"), {"q": query})
    return set(response.context["cl"].result_list)


def test_the_number_of_a_task_finds_all_that_happened_to_it(
    operator: Client, alice: User, service: PushService
) -> None:
    """ "Why did task 337 not ring?\""""
    pending_delivery(alice, service.subscribe())
    delivery = Delivery.objects.latest("pk")
    deliver(delivery.pk)
    reminder = Reminder.objects.get(pk=delivery.reminder_id)
    for model in (Reminder, Delivery, DeliveryAttempt):
        (row,) = rows(operator, model, f" {reminder.task_id} ")
        assert rows(operator, model, str(row.pk)) >= {row}
        assert rows(operator, model, "9" * 18) == rows(operator, model, "9" * 40) == set()


def test_from_a_task_to_its_attempts_by_links(operator: Client, alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    service.refusals = [RefusalError(410, "gone")]
    deliver(delivery.pk)
    reminder = Reminder.objects.get()
    page = operator.get(reverse("admin:tasks_app_task_change", args=[reminder.task_id])).content.decode()
    of_task = f"{url(Reminder, 'changelist')}?task__id__exact={reminder.task_id}"
    assert f'<a href="{of_task}">reminders</a>' in page
    assert list(operator.get(of_task).context["cl"].result_list) == [reminder]
    page = operator.get(url(Reminder, "change", reminder.pk)).content.decode()
    assert url(Delivery, "change", delivery.pk) in page
    assert "The browser is no longer subscribed" in page
    page = operator.get(url(Delivery, "change", delivery.pk)).content.decode()
    assert "The browser is no longer subscribed" in page
    assert reverse("admin:tasks_app_task_change", args=[reminder.task_id]) in page


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "Is VAPID_PRIVATE_KEY the one that the browser subscribed with?"),
        (410, "Nothing to do: it subscribes again when its user opens the client."),
        (413, "This is a bug of the backend: report it."),
    ],
)
def test_a_failed_delivery_says_what_to_do_and_has_no_next_attempt(
    operator: Client, alice: User, service: PushService, status: int, said: str
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    assert "12:00:00 UTC" in operator.get(url(Delivery, "changelist")).rendered_content
    service.refusals = [RefusalError(status, "no")] * 3
    deliver(delivery.pk)
    page = operator.get(url(Delivery, "changelist")).rendered_content
    assert '<td class="field-next_attempt">none</td>' in page
    page = operator.get(url(Delivery, "change", delivery.pk)).rendered_content
    assert said in page
    assert "12:00:00 UTC" in page  # with seconds and zone
    assert '<div class="readonly">None</div>' in page.partition("Next attempt:")[2][:200]


def test_the_state_is_in_the_first_columns(operator: Client) -> None:
    """Where it is seen on a screen of 1280 pixels."""
    for model in (Reminder, Delivery):
        assert site.get_model_admin(model).list_display[:2] == ["id", "state"]


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (201, "", "The push service has it"),
        (401, "", "VAPID_PRIVATE_KEY"),
        (404, "", "no longer subscribed"),
        (429, "", "it is tried again"),
        (503, "", "it is tried again"),
        (400, "bad", "also without the optional headers"),
        (400, '{"reason":"VapidPkHashMismatch"}', "VAPID_PRIVATE_KEY"),
        (422, "bad", "not tried again"),
        (406, "", "Too many messages"),
        (200, "X-WNS-Status: dropped", "dropped it"),
        (None, "timed out", "There was no answer"),
        (None, "", "A worker is sending it now"),
    ],
)
def test_each_answer_has_a_meaning(status: int | None, error: str, said: str) -> None:
    assert said in in_words(status, error)


def test_a_failed_delivery_is_sent_again(
    operator: Client,
    alice: User,
    service: PushService,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    service.refusals = [RefusalError(403, "no")]
    deliver(delivery.pk)
    Delivery.objects.update(expires_at=NOON)

    with django_capture_on_commit_callbacks(execute=True):
        form = {"action": "send_again", "_selected_action": [delivery.pk]}
        answer = operator.post(url(Delivery, "changelist"), form, follow=True)

    assert b"1 queued to be sent again." in answer.content
    assert LogEntry.objects.get().object_id == str(delivery.pk)
    assert hints_sent() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.expires_at) == ("pending", NOON + REMINDER_TTL)
    deliver(delivery.pk)
    assert Delivery.objects.get().state == "sent"
    assert Reminder.objects.get().state == "delivered"


def test_sending_again_needs_the_right_to_change(alice: User, service: PushService, operator: Client) -> None:
    admin = site.get_model_admin(Delivery)
    request = operator.get(url(Delivery, "changelist")).wsgi_request
    assert "send_again" in admin.get_actions(request)
    request.user = alice
    assert "send_again" not in admin.get_actions(request)


def test_a_person_with_reminders_can_be_erased(operator: Client, alice: User, service: PushService) -> None:
    deliver(pending_delivery(alice, service.subscribe()).pk)
    close_account(alice)
    while erase_closed_accounts():
        OutboxEvent.objects.all().delete()  # an account goes when its events are on their way
    assert not User.objects.filter(pk=alice.pk).exists()
    assert not DeliveryAttempt.objects.exists()
    assert not PushSubscription.objects.exists()
