"""A relay that publishes through a sidecar puts there, too, what was given up."""

import json
from uuid import uuid4

import pytest
from django.utils import timezone

from events_app.dead_letters import bury_message
from events_app.models import DeadLetter, ParkedEvent
from events_app.parked import bury
from events_app.sidecar_dead_letters import SidecarDeadLetterTopics
from tests.dapr.sidecar import Message, Sidecar

pytestmark = pytest.mark.django_db

ALICE = str(uuid4())
DATA = {"task_id": 1, "user_id": ALICE, "title": "x", "reminder_at": "2030-01-01T00:00:00Z", "due_at": None}


def given_up(error: str = "ZeroDivisionError: 1") -> DeadLetter:
    parked = ParkedEvent.objects.create(
        group="notifications", topic="reminders", type="reminder.due", key=ALICE, subject="1", sequence=1,
        data=DATA, attempts=10, error=error,
    )  # fmt: skip
    return bury(parked)


def published(sidecar: Sidecar, topic: str = "reminders.dlq") -> list[Message]:
    return [message for partition in sidecar.topics[topic] for message in partition]


@pytest.mark.parametrize("error", ["ZeroDivisionError: 1", "\N{BELL}" * 2000])
def test_an_event_that_was_given_up_is_there_with_its_reason(sidecar: Sidecar, error: str) -> None:
    dead = given_up(error)
    topics = SidecarDeadLetterTopics()
    assert topics.publish_some() == 1
    [message] = published(sidecar)
    assert (json.loads(message.value)["subject"], message.key) == ("1", ALICE)
    assert message.headers.items() >= {"group": "notifications", "topic": "reminders"}.items()
    assert message.headers["attempts"] == "10"
    assert (message.headers["id"], message.headers["error"]) == (str(dead.event_id), error[:200])
    dead.refresh_from_db()
    assert dead.published_at
    assert topics.publish_some() == 0


def test_what_consumers_of_kafka_have_buried_keeps_its_bytes(sidecar: Sidecar) -> None:
    bury_message(
        "sync", topic="reminders", partition=2, offset=7, time=timezone.now(), key=None, value=b"\xff no",
        headers=[], error="no event",
    )  # fmt: skip
    assert SidecarDeadLetterTopics().publish_some() == 1
    [message] = published(sidecar)
    assert message.value == b"\xff no"
    assert message.headers.items() >= {"partition": "2", "offset": "7"}.items()


def test_one_that_the_sidecar_refuses_waits(sidecar: Sidecar) -> None:
    dead = given_up()
    sidecar.refuse = {"reminders.dlq": 1}
    topics = SidecarDeadLetterTopics()
    assert topics.publish_some() == 0
    dead.refresh_from_db()
    assert dead.published_at is None
    assert topics.publish_some() == 1
