"""The declarative message that all browsers read: its fields, its size, and where a text is cut."""

import json
from datetime import date, timedelta
from uuid import uuid4

import pytest
from pytest_django import Settings

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app import actions
from notifications_app.channels.cutting import cut
from notifications_app.channels.message import message_of, message_of_list, tag_of_task
from notifications_app.channels.payload import PAYLOAD_BYTES, payload_of, title_alone
from notifications_app.deliveries import create_test_delivery
from notifications_app.models import Delivery, Reminder
from notifications_app.sending import deliver
from notifications_app.wanted import load_named
from tests.notifications_app.conftest import NOON, pending_delivery, subscribe

pytestmark = pytest.mark.usefixtures("noon")

HOUR = timedelta(hours=1)


def test_the_browser_reads_the_reminder(alice: User, service: PushService) -> None:
    browser = service.subscribe()
    delivery = pending_delivery(
        alice, browser, title="Milch \u2013 🥛", description="two litres", due_at=NOON + HOUR
    )

    deliver(delivery.pk)

    reminder = Reminder.objects.get()
    links = actions.links(reminder)
    assert service.messages[0].browser == browser
    assert service.messages[0].payload == {
        "web_push": 8030,
        "notification": {
            "title": "Milch \u2013 🥛",
            "body": "two litres",
            "navigate": links.pop("open"),
            "tag": f"task-{reminder.task_id:019d}",
            "actions": [
                {"action": "complete", "title": "Complete", "navigate": links["complete"]},
                {"action": "snooze", "title": "Snooze 10 minutes", "navigate": links["snooze_10_minutes"]},
            ],
            "data": {
                "task_id": reminder.task_id,
                "reminder_at": reminder.reminder_at.isoformat(),
                "due_at": "2026-03-02T13:00:00+00:00",
                "due_date": None,
                "links": links,
            },
        },
    }
    assert set(links) == {"complete", "snooze_10_minutes", "snooze_1_hour", "snooze_tomorrow"}


def test_an_all_day_task_says_its_day(alice: User, service: PushService) -> None:
    deliver(pending_delivery(alice, service.subscribe(), due_date=date(2026, 3, 3)).pk)
    assert service.messages[0].notification["data"]["due_date"] == "2026-03-03"


def test_without_description_there_is_no_body(alice: User, service: PushService) -> None:
    deliver(pending_delivery(alice, service.subscribe()).pk)
    assert "body" not in service.messages[0].notification
    assert service.messages[0].notification["data"]["due_at"] is None


def test_a_test_notification_says_what_it_is_and_opens_the_page(
    alice: User, service: PushService, settings: Settings
) -> None:
    settings.PUBLIC_URL = "https://todo.example.com"
    deliver(create_test_delivery(subscribe(alice, service.subscribe())).pk)
    assert service.messages[0].notification == {
        "title": "Test notification",
        "body": "Reminders will arrive on this device.",
        "navigate": "https://todo.example.com/app/",
        "tag": "test",
        "data": {"task_id": None, "reminder_at": None, "due_at": None, "due_date": None},
    }
    assert service.messages[0].headers["ttl"] == "600"


def test_a_list_names_the_first_titles_and_opens_the_page(alice: User, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://todo.example.com"
    titles = [f"Task {number}" for number in range(1, 15)]
    message = message_of_list(alice.pk, Delivery.Notice.MISSED, titles)
    notification = json.loads(payload_of(message))["notification"]
    assert notification["title"] == "14 missed reminders"
    assert notification["body"] == "Task 1\nTask 2\nTask 3\nTask 4\nTask 5\nand 9 more"
    assert notification["navigate"] == "https://todo.example.com/app/"
    assert "actions" not in notification
    assert notification["data"]["task_id"] is None
    waited = message_of_list(alice.pk, Delivery.Notice.LIST, titles[:2])
    assert (waited.title, waited.body) == ("2 reminders", "Task 1\nTask 2")
    assert message_of_list(alice.pk, Delivery.Notice.LIST, titles[:1]).title == "1 reminder"


def test_a_list_of_the_longest_titles_fits(alice: User) -> None:
    message = message_of_list(alice.pk, Delivery.Notice.LIST, ["漢" * 200] * 50)
    payload = payload_of(message)
    assert len(payload) <= PAYLOAD_BYTES
    assert json.loads(payload)["notification"]["title"] == "50 reminders"


def test_a_notice_names_the_tasks_whose_deliveries_were_sent_with_it(
    alice: User, service: PushService
) -> None:
    first = pending_delivery(alice, service.subscribe(), title="Call mum")
    notice = Delivery.objects.create(
        user=alice, notice="list", event_id=uuid4(), channel="web_push", target="x", expires_at=NOON
    )
    second = pending_delivery(alice, service.subscribe(), title="Call dad")
    Delivery.objects.filter(pk__in=[first.pk, second.pk]).update(sent_with=notice)
    load_named([notice], NOON)
    assert (message_of(notice).title, message_of(notice).body) == ("2 reminders", "Call mum\nCall dad")


def test_a_task_that_is_due_soon_has_a_message_beside_its_reminder(alice: User, service: PushService) -> None:
    task = pending_delivery(alice, service.subscribe(), title="Call mum", due_at=NOON + HOUR).reminder.task
    message = message_of(Delivery(user=alice, notice="due_soon", due_task=task))
    assert (message.title, message.body, message.links) == ("Call mum", "Due within a day", {})
    assert message.tag != tag_of_task(task.pk)
    assert json.loads(payload_of(message))["notification"]["data"] == {
        "task_id": task.pk,
        "reminder_at": None,
        "due_at": "2026-03-02T13:00:00+00:00",
        "due_date": None,
    }


# --- size -------------------------------------------------------------------------------------------------

LONGEST = {
    "letters": "a",
    "umlauts": "\u00fc",
    "Chinese": "漢",
    "Arabic": "\u0639",
    "Hindi": "\u0915\u094d\u0937\u093f",
    "emoji": "👩",
    "families": "👩\u200d👩\u200d👧\u200d👦",
    "flags": "🇳🇵",
    "quotes": '"',
    "control characters": "\x01",
}


def longest(user: User, service: PushService, text: str) -> Delivery:
    """A delivery whose task has a title and a description as long as they may be."""
    fields = {"title": (text * 200)[:200], "description": (text * 1000)[:1000], "due_at": NOON + HOUR}
    return pending_delivery(user, service.subscribe(), **fields)


@pytest.mark.parametrize("text", LONGEST.values(), ids=LONGEST)
def test_the_longest_task_keeps_its_title_and_the_beginning_of_its_description(
    alice: User, service: PushService, text: str
) -> None:
    message = message_of(longest(alice, service, text))
    payload = payload_of(message)
    notification = json.loads(payload)["notification"]

    assert len(payload) <= PAYLOAD_BYTES
    assert notification["title"] == message.title
    assert message.body.startswith(notification["body"].removesuffix("…"))
    # A whole character more would not fit.
    assert notification["body"] == message.body or len(payload) + len(json.dumps(text)) > PAYLOAD_BYTES


@pytest.mark.parametrize("text", LONGEST.values(), ids=LONGEST)
def test_beside_long_links_the_title_stays(
    alice: User, service: PushService, settings: Settings, text: str
) -> None:
    settings.PUBLIC_URL = f"https://{'a' * 240}.example.com"
    message = message_of(longest(alice, service, text))
    payload = payload_of(message)
    assert len(payload) <= PAYLOAD_BYTES
    assert json.loads(payload)["notification"]["title"] == message.title
    assert json.loads(payload)["notification"]["navigate"] == message.navigate


def test_the_title_alone_has_no_body_and_no_links(alice: User, service: PushService) -> None:
    message = message_of(longest(alice, service, "a"))
    notification = json.loads(title_alone(message))["notification"]
    assert set(notification) == {"title", "navigate", "tag", "data"}
    assert notification["title"] == message.title
    assert "links" not in notification["data"]


def test_a_title_that_is_too_large_alone_is_cut(
    alice: User, service: PushService, settings: Settings
) -> None:
    settings.PUBLIC_URL = f"https://{'a' * 2000}.example.com"
    message = message_of(longest(alice, service, "漢"))
    payload = payload_of(message)
    assert PAYLOAD_BYTES - 3 < len(payload) <= PAYLOAD_BYTES
    title = json.loads(payload)["notification"]["title"]
    assert title.endswith("…")
    assert message.title.startswith(title.removesuffix("…"))


@pytest.mark.parametrize(
    ("text", "limit", "fits"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "…"),
        ("abcd", 2, ""),
        ("abcdef", 5, "ab…"),
        ("\u00fc\u00fc\u00fc", 6, "\u00fc\u00fc\u00fc"),
        ("\u00fc\u00fc\u00fc\u00fc", 6, "\u00fc…"),
        ("🥛🥛🥛", 8, "🥛…"),
        ('a"""', 6, 'a"…'),
        ("one two", 7, "one two"),
        ("one two three", 7, "one…"),
        # a letter and its accent, a consonant and its vowel, two consonants that are one
        ("ae\u0301e\u0301", 5, "a…"),
        ("\u0928\u093f\u0928\u093f", 9, "\u0928\u093f…"),
        ("\u0915\u094d\u0937\u0915\u094d\u0937", 15, "\u0915\u094d\u0937…"),
        # a family, a skin tone, a flag of two letters, a flag of tags
        ("a👩\u200d👧", 11, "a…"),
        ("a👍🏽", 8, "a…"),
        ("🇳🇵🇳🇵", 15, "🇳🇵…"),
        ("a🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 20, "a…"),
        # no character has a hundred marks
        ("a" + "\u0301" * 100, 104, "a" + "\u0301" * 50 + "…"),
    ],
)
def test_a_text_is_cut_between_characters(text: str, limit: int, fits: str) -> None:
    assert cut(text, limit) == fits
    assert len(json.dumps(fits, ensure_ascii=False).encode()) - 2 <= limit
