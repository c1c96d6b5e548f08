"""Every push service takes every reminder: ids of every length, texts of every script."""

from base64 import urlsafe_b64decode
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts_app.models import User
from devkit.demo.push_profiles import (
    APPLE,
    MICROSOFT,
    MOZILLA,
    MOZILLA_ANDROID,
    PROFILES,
    Profile,
    RefusalError,
)
from devkit.demo.push_service import PushService
from notifications_app.channels.channel import Verdict
from notifications_app.channels.message import tag_of_list, tag_of_task
from notifications_app.channels.web_push import WebPush
from notifications_app.models import Delivery, Reminder
from notifications_app.sending import deliver
from tasks_app.models import Task
from tests.notifications_app.conftest import NOON, pending_delivery

LARGEST_ID = 2**63 - 1
# The shortest and the longest id of each length.
IDS = sorted(
    {1, LARGEST_ID, *(10**n for n in range(1, 19)), *(10**n - 1 for n in range(1, 20))} - {10**19 - 1}
)
SCRIPTS = {
    "Latin": "Wäsche: 30 °C ",
    "Chinese": "洗衣服",
    "Japanese": "洗濯をする",
    "Hindi": "कपड़े धोना ",
    "Arabic": "غسل الملابس ",
    "Thai": "ซักผ้า",
    "emoji": "👩‍👩‍👧‍👦🇳🇵👍🏽",
    "quotes": '"\\\n',
}


# --- the Topic --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task_id", IDS)
def test_a_topic_is_base64url_for_every_length_of_id(task_id: int) -> None:
    topic = tag_of_task(task_id)
    assert len(topic) <= 32
    assert len(topic) % 4 == 0  # Apple decodes it
    assert urlsafe_b64decode(topic)


@given(st.integers(1, LARGEST_ID), st.integers(1, LARGEST_ID))
def test_two_tasks_have_two_topics(one: int, other: int) -> None:
    assert (tag_of_task(one) == tag_of_task(other)) == (one == other)


@pytest.mark.parametrize("notice", ["list", "missed"])
def test_a_user_has_one_topic_for_each_kind_of_list(notice: str) -> None:
    kind = Delivery.Notice(notice)
    topics = {tag_of_list(user_id, kind) for user_id in (UUID(int=1), UUID(int=2**128 - 1))}
    assert len(topics) == 2
    assert not topics & {tag_of_list(UUID(int=1), other) for other in Delivery.Notice if other != kind}
    for topic in topics:
        assert len(topic) <= 32
        assert len(topic) % 4 == 0
        assert urlsafe_b64decode(topic)


# --- every service takes every task -----------------------------------------------------------------------


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_every_service_takes_every_task(alice: User, service: PushService, profile: Profile) -> None:
    """A task of each script as long as it may be; with each length of id."""
    browser = service.subscribe(profile)
    delivery = pending_delivery(alice, browser)
    for number, text in enumerate(SCRIPTS.values()):
        for task_id in IDS[number :: len(SCRIPTS)]:
            fields = {"title": (text * 99)[:200], "description": (text * 999)[:1000]}
            task = Task(pk=task_id, user=alice, due_at=NOON, **fields)
            delivery.reminder = Reminder(pk=task_id, task=task, reminder_at=NOON)
            assert WebPush().send(delivery).verdict is Verdict.SENT
    assert len(service.messages) == len(IDS)
    assert {message.notification["data"]["task_id"] for message in service.messages} == set(IDS)
    assert len({message.headers["topic"] for message in service.messages}) == len(IDS)


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_every_service_gets_it_as_it_is_in_one_request_unless_it_is_smaller(
    alice: User, service: PushService, profile: Profile
) -> None:
    text = {"title": "漢" * 200, "description": "漢" * 1000}
    deliver(pending_delivery(alice, service.subscribe(profile), **text).pk)
    assert service.requests == (2 if profile.largest_body < 2903 else 1)
    assert ("body" in service.messages[0].notification) == (service.requests == 1)


@pytest.mark.usefixtures("noon")
def test_a_delivery_in_its_last_second_has_a_ttl_that_microsoft_takes(
    alice: User, service: PushService
) -> None:
    delivery = pending_delivery(alice, service.subscribe(MICROSOFT))
    sent = Delivery.objects.select_related("subscription", "reminder__task").get(pk=delivery.pk)
    sent.expires_at -= timedelta(hours=24)
    assert WebPush().send(sent).verdict is Verdict.SENT
    assert service.messages[0].headers["ttl"] == "1"


# --- the strictness of the tests' own push service ---------------------------------------------------------

GOOD = {"content-encoding": "aes128gcm", "ttl": "60", "topic": "test", "urgency": "high"}


@pytest.mark.parametrize(
    ("profile", "headers", "size", "status", "says"),
    [
        (APPLE, {"topic": "task-1059"}, 100, 400, "BadWebPushTopic"),
        (APPLE, {"topic": "a" * 33}, 100, 400, "BadWebPushTopic"),
        (APPLE, {"topic": "ab"}, 100, 400, "BadWebPushTopic"),  # unused bits that are set
        (MOZILLA, {"topic": "task 1"}, 100, 400, "113"),
        (MOZILLA, {"ttl": ""}, 100, 400, "TTL"),
        (MOZILLA, {"ttl": "-1"}, 100, 400, "TTL"),
        (MOZILLA, {"urgency": "urgent"}, 100, 400, "Urgency"),
        (MOZILLA, {"content-encoding": "aesgcm"}, 100, 400, "aes128gcm"),
        (MOZILLA, {}, 4097, 413, "104"),
        (MOZILLA_ANDROID, {}, 3001, 413, "104"),
        (MICROSOFT, {"ttl": "0"}, 100, 400, "Ttl value conflicts"),
    ],
)
def test_the_service_is_as_strict_as_the_real_one(
    profile: Profile, headers: dict[str, str], size: int, status: int, says: str
) -> None:
    profile.require_form(GOOD, b"x" * 100)
    with pytest.raises(RefusalError) as refused:
        profile.require_form(GOOD | headers, b"x" * size)
    assert refused.value.status == status
    assert says in f"{refused.value} {refused.value.headers}"


@pytest.mark.parametrize(
    "subject", ["mailto:me@localhost", "mailto:me@mail.example.org", "https://todo.invalid/", "me@todo.dev"]
)
def test_apple_refuses_a_subject_that_reaches_no_one(subject: str) -> None:
    APPLE.require_subject("mailto:me@todo-operator.net")
    with pytest.raises(RefusalError, match="BadJwtToken"):
        APPLE.require_subject(subject)
