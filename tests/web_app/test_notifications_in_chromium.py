"""From "Notify me on this device" to a button of the notification that the service worker shows.

This browser is cut off from its maker's push network, so it cannot subscribe. The test hands the page a
subscription at a push service of its own, and brings what arrives there to the service worker, as the
browser would. A notification cannot be clicked from outside, so the test sends the worker the event.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from devkit.demo.push_service import PushService, push_service
from tests.acceptance.instance import Instance
from tests.acceptance.processes import eventually
from tests.web_app.conftest import Person, people
from tests.web_app.test_access_in_chromium import expect_no_barrier

pytestmark = pytest.mark.slow

SUBSCRIPTION = """
    let current = null;
    PushManager.prototype.getSubscription = async () => current;
    PushManager.prototype.subscribe = async () => {
        current = { toJSON: () => (%s), unsubscribe: async () => { current = null; } };
        return current;
    };
"""
SHOWN = """async () => {
    const registration = await navigator.serviceWorker.ready;
    const shown = await registration.getNotifications();
    return shown.map(({ title, body, tag, actions }) => [title, body, actions.map(({ title }) => title)]);
}"""
# Only the browser's own events may extend the life of a worker: this one brings a function that does nothing.
# "Undo" is there for ten seconds: a busy machine may take longer to find and press it.
CLICK = """async (action) => {
    self.soon ??= self.setTimeout;
    self.setTimeout = (work, milliseconds) => self.soon(work, 30 * milliseconds);
    const [notification] = await registration.getNotifications();
    const event = new NotificationEvent("notificationclick", { notification, action });
    Object.defineProperty(event, "waitUntil", { value: () => {} });
    dispatchEvent(event);
}"""
CHANGE = """() => {
    const event = new ExtendableEvent("pushsubscriptionchange");
    Object.assign(event, { newSubscription: { toJSON: () => (%s) } });
    Object.defineProperty(event, "waitUntil", { value: () => {} });
    dispatchEvent(event);
}"""
BUTTONS = ["Complete", "Snooze 10 minutes"]


class Device:
    """A page that is subscribed at the push service, and what the browser around it would do."""

    def __init__(self, person: Person, service: PushService) -> None:
        self.person, self.service = person, service
        self.seen = 0
        person.context.add_init_script(SUBSCRIPTION % self.subscription())
        self.page = person.sign_up()
        self.cdp, self.registration = self._service_worker()

    def subscription(self) -> str:
        """A new one, as the browser writes it."""
        browser = self.service.subscribe()
        keys = {"p256dh": browser.subscription["p256dh_key"], "auth": browser.subscription["auth_key"]}
        return json.dumps({"endpoint": browser.endpoint, "expirationTime": None, "keys": keys})

    def _service_worker(self) -> tuple[CDPSession, str]:
        cdp = self.person.context.new_cdp_session(self.page)
        found: list[str] = []
        cdp.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda event: found.extend(one["registrationId"] for one in event["registrations"]),
        )
        cdp.send("ServiceWorker.enable")
        while not found:
            self.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        return cdp, found[0]

    @property
    def worker(self) -> Any:
        [worker] = self.person.context.service_workers
        return worker

    def receive(self) -> dict[str, Any]:
        """Take the next message from the push service to the service worker."""
        eventually(lambda: len(self.service.messages) > self.seen)
        payload = self.service.messages[self.seen].payload
        self.seen += 1
        for _ in range(3):  # on a busy machine one was not shown; a second of it replaces the first
            self._send("deliverPushMessage", data=json.dumps(payload))
            with suppress(AssertionError):
                eventually(self.shown, seconds=30)
                break
        return payload

    def come_back(self) -> None:
        """What Background Sync does when there is a connection again."""
        self._send("dispatchSyncEvent", tag="actions", lastChance=False)

    def _send(self, method: str, **parameters: Any) -> None:
        origin = f"http://127.0.0.1:{self.person.running.port}"
        self.cdp.send(
            f"ServiceWorker.{method}", {"origin": origin, "registrationId": self.registration, **parameters}
        )

    def shown(self) -> list[list[Any]]:
        """The notifications that are there: [title, body, buttons]."""
        found: list[list[Any]] = self.page.evaluate(SHOWN)
        return found

    def expect_shown(self, *expected: list[Any]) -> None:
        with suppress(AssertionError):
            eventually(lambda: self.shown() == list(expected), seconds=60)
        assert self.shown() == list(expected)

    def close_all(self) -> None:
        self.worker.evaluate("registration.getNotifications().then((all) => all.map((one) => one.close()))")

    def press(self, action: str) -> None:
        self.worker.evaluate(CLICK, action)

    def reminder(self, title: str) -> int:
        """A task whose reminder is due, and has arrived as a notification; its id."""
        soon = (datetime.now(UTC) + timedelta(seconds=2.5)).isoformat()
        task = self.person.call("POST", "/api/tasks", {"title": title, "reminder_at": soon})
        self.opens = self.receive()["notification"]["navigate"]
        self.expect_shown([title, "", BUTTONS])
        return int(task["id"])


@contextmanager
def subscribed(make: Callable[..., Person]) -> Iterator[Device]:
    with push_service() as service:
        device = Device(make(permissions=["notifications"]), service)
        notice = device.page.get_by_text("No device and no confirmed")
        device.page.get_by_role("button", name="Notify me on this device").click()
        expect(notice).to_be_hidden()
        yield device


@pytest.fixture(scope="module")
def shared(running: Instance, chromium: Browser) -> Iterator[Device]:
    with people(running, chromium) as make, subscribed(make) as device:
        yield device


@pytest.fixture
def device(shared: Device) -> Device:
    """The device that the tests of this file share, without a notification."""
    shared.close_all()
    return shared


def test_a_test_notification(device: Device) -> None:
    page = device.page
    page.get_by_role("button", name="Preferences").click()
    expect(page.get_by_text("This device gets your reminders.").last).to_be_visible()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("The push service answered 201.")).to_be_visible()
    device.receive()
    device.expect_shown(["Test notification", "Reminders will arrive on this device.", []])
    page.keyboard.press("Escape")


def test_a_device_that_is_stopped(person: Callable[..., Person]) -> None:
    with subscribed(person) as device:
        device.page.get_by_role("button", name="Preferences").click()
        device.page.get_by_role("button", name="Stop on this device").click()
        expect(device.page.get_by_text("This device gets no reminders.").last).to_be_visible()
        assert device.person.call("GET", "/api/push-subscriptions")["results"] == []


def test_the_buttons_complete_and_snooze(device: Device) -> None:
    task_id = device.reminder("Water the plants")
    expect(device.page.get_by_role("button", name="Water the plants", exact=True)).to_be_visible()
    device.press("complete")
    expect(device.page.get_by_role("button", name="Water the plants", exact=True)).to_be_hidden()
    device.expect_shown(["Water the plants", "Completed.", ["Undo"]])
    device.press("undo")
    expect(device.page.get_by_role("button", name="Water the plants", exact=True)).to_be_visible()
    device.expect_shown(["Water the plants", "The task is open again.", []])
    assert not device.person.call("GET", f"/api/tasks/{task_id}")["completed"]

    device.close_all()
    task_id = device.reminder("Call Bob")
    device.press("snooze")
    # In ten minutes it may be tomorrow.
    expect(device.page.get_by_text(re.compile("snoozed until (today|tomorrow)"))).to_be_visible()
    assert device.person.call("GET", f"/api/tasks/{task_id}")["snoozed_until"]


def test_a_button_without_a_connection_is_kept_and_sent_later(device: Device) -> None:
    task_id = device.reminder("Buy milk")
    device.person.context.set_offline(True)
    device.press("complete")
    not_sent = "Not sent: there is no connection. It is kept, and sent when there is one."
    device.expect_shown(["Buy milk", not_sent, []])
    device.person.context.set_offline(False)
    device.come_back()
    device.expect_shown(["Buy milk", "Completed.", ["Undo"]])
    assert device.person.call("GET", f"/api/tasks/{task_id}")["completed"]


def test_a_button_that_comes_too_late_says_so(device: Device) -> None:
    task_id = device.reminder("Mow the lawn")
    device.person.call("DELETE", f"/api/tasks/{task_id}")
    device.press("complete")
    device.expect_shown(["Mow the lawn", "This task was deleted. Nothing was changed.", []])


def test_axe_finds_no_barrier_on_the_page_of_a_notification(device: Device) -> None:
    device.reminder("Feed the cat")
    page = device.page.context.new_page()
    page.goto(device.opens)
    expect(page.get_by_role("button", name="Complete")).to_be_visible()
    expect_no_barrier(page)
    page.get_by_role("button", name="Complete").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    expect_no_barrier(page)
    page.close()


def test_why_it_rang(device: Device) -> None:
    task_id = device.reminder("Pay the rent")
    page = device.page
    page.get_by_role("button", name="Pay the rent", exact=True).click()
    page.get_by_text("Why did it ring, or not?").click()
    [said] = device.person.call("GET", f"/api/tasks/{task_id}/reminders")["results"]
    expect(page.get_by_role("dialog").get_by_role("listitem").filter(has_text=said["why"])).to_be_visible()
    page.keyboard.press("Escape")


def test_a_message_that_is_no_json_is_shown_all_the_same(device: Device) -> None:
    device._send("deliverPushMessage", data="?")
    device.expect_shown(["A reminder is due", "", []])


def test_a_subscription_that_ends_is_followed_by_another(device: Device) -> None:
    subscription = device.subscription()
    device.worker.evaluate(CHANGE % subscription)
    endpoint = json.loads(subscription)["endpoint"]

    def found() -> list[int]:
        subscriptions = device.person.call("GET", "/api/push-subscriptions")["results"]
        return [one["id"] for one in subscriptions if one["endpoint"] == endpoint]

    eventually(found)
    [added] = found()
    device.person.call("DELETE", f"/api/push-subscriptions/{added}")  # the others get each message once


def test_a_browser_that_cannot_subscribe_says_so(person: Callable[..., Person]) -> None:
    """Here the browser's own way, which is cut off from its push network."""
    page: Page = person(permissions=["notifications"]).sign_up()
    page.get_by_role("button", name="Notify me on this device").click()
    expect(page.get_by_text("The browser cannot reach its push service.")).to_be_visible()


def test_a_browser_that_may_not_show_notifications_says_so(person: Callable[..., Person]) -> None:
    page: Page = person(permissions=[]).sign_up()
    page.get_by_role("button", name="Preferences").click()
    expect(page.get_by_text("This browser does not allow notifications").last).to_be_visible()
