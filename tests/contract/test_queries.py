"""Every list: queries do not grow with rows. A list that is not here fails until it is."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts_app.models import ApiToken, User
from chat_app.models import Conversation, Message, Turn
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription, Reminder
from recurring_app.models import RecurringTask
from tasks_app.models import DEFAULT_PRIORITY_ID, Priority, SeriesSlot, Tag, Task
from tasks_app.services import create_task
from tests.contract.document import OPERATIONS

pytestmark = pytest.mark.django_db


def tasks(user: User, number: int) -> None:
    tags = [Tag.objects.create(user=user, name=f"{number} {i}") for i in range(3)]
    create_task(user, title=str(number), tags=tags)


def tags(user: User, number: int) -> None:
    create_task(user, title=str(number), tags=[Tag.objects.create(user=user, name=str(number))])


def priorities(user: User, number: int) -> None:
    """There are levels 1 to 5 and no more, so the list begins with one."""
    if number == 0:
        Priority.objects.exclude(pk=DEFAULT_PRIORITY_ID).delete()
    Priority.objects.get_or_create(
        level=min(number + 1, 5), defaults={"name": str(number), "color": "#000000"}
    )


def api_tokens(user: User, number: int) -> None:
    ApiToken.objects.create(user=user, name=str(number), digest=str(number), scopes=["read"])


def push_subscriptions(user: User, number: int) -> None:
    PushSubscription.objects.create(user=user, endpoint=f"https://push.example.test/{number}")


def reminders(user: User, number: int) -> None:
    task, _ = Task.objects.get_or_create(pk=5, user=user, title="hers")
    now = timezone.now()
    reminder = Reminder.objects.create(
        task=task,
        reminder_at=now + timedelta(hours=number),
        claimed_at=now,
        lateness=timedelta(0),
        event_id=uuid4(),
    )
    for i in range(2):
        delivery = Delivery.objects.create(
            user=user,
            reminder=reminder,
            event_id=reminder.event_id,
            channel="web_push",
            target=str(i),
            next_attempt_at=now,
            expires_at=now,
        )
        DeliveryAttempt.objects.create(delivery=delivery, at=now)


def template(user: User, number: int) -> RecurringTask:
    template, _ = RecurringTask.objects.get_or_create(
        pk=5 + number,
        user=user,
        template_title=str(number),
        recurrence_pattern="daily",
        starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001 - a wall clock's
    )
    return template


def templates(user: User, number: int) -> None:
    tags = [Tag.objects.create(user=user, name=f"{number} {i}") for i in range(3)]
    template(user, number).tags.set(tags)


def occurrences(user: User, number: int) -> None:
    slot = timezone.now() - timedelta(hours=number)
    create_task(user, title="hers", recurring_task=template(user, 0), occurrence_at=slot)
    SeriesSlot.objects.create(user=user, recurring_task_id=5, slot_at=slot, outcome="made")


def occurrences_of_a_task(user: User, number: int) -> None:
    head, _ = Task.objects.get_or_create(pk=5, user=user, title="hers", recurrence_rule="daily")
    assert head.occurrence_at is not None
    at = head.occurrence_at - timedelta(days=number + 1)
    SeriesSlot.objects.create(user=user, series_id=head.series_id, slot_at=at, outcome="missed")


def conversations(user: User, number: int) -> None:
    Conversation.objects.create(user=user, title=str(number))


def messages(user: User, number: int) -> None:
    conversation, _ = Conversation.objects.get_or_create(pk=UUID(int=5), user=user)
    turn = Turn.objects.create(user=user, conversation=conversation, state="done")
    Message.objects.create(
        conversation=conversation, turn=turn, role="user", content=str(number), position=number
    )


# How a row comes to be in each list; the URLs to read it by.
LISTS: dict[str, tuple[Callable[[User, int], None], list[str]]] = {
    "/api/auth/api-tokens": (api_tokens, [""]),
    "/api/conversations": (conversations, ["", "?archived=false"]),
    "/api/conversations/{conversation_id}/messages": (messages, [""]),
    "/api/priorities": (priorities, [""]),
    "/api/push-subscriptions": (push_subscriptions, [""]),
    "/api/recurring-tasks": (templates, ["", "?q=0", "?is_active=true", "?ordering=next_occurrence"]),
    "/api/recurring-tasks/{template_id}/occurrences": (occurrences, [""]),
    "/api/tags": (tags, ["", "?task_count=true"]),
    "/api/tasks": (tasks, ["", "?tag=1&tag=2", "?q=0", "?priority=Medium", "?ordering=due_at"]),
    "/api/tasks/{task_id}/occurrences": (occurrences_of_a_task, [""]),
    "/api/tasks/{task_id}/reminders": (reminders, [""]),
}


def test_every_list_is_here() -> None:
    there = {each.path for each in OPERATIONS if "cursor" in each.parameters("query")}
    assert there == set(LISTS), "give the new list a line in LISTS of this file"


@pytest.mark.parametrize(
    ("path", "query"), [(path, query) for path, (_, queries) in LISTS.items() for query in queries]
)
def test_queries_do_not_grow_with_rows(
    path: str, query: str, alice: User, client_of: Callable[[User], APIClient]
) -> None:
    make, _queries = LISTS[path]
    (operation,) = (each for each in OPERATIONS if each.path == path and each.reads)
    client, url = client_of(alice), operation.url(5) + query
    make(alice, 0)
    if "tag=" in query:
        ids = list(Tag.objects.values_list("pk", flat=True)[:2])
        url = f"{operation.url()}?tag={ids[0]}&tag={ids[1]}"
    few = _queries_of(client, url)
    for number in range(1, 8):
        make(alice, number)
    many = _queries_of(client, url)
    assert len(many) == len(few), "\n".join(many)
    assert len(few) <= 5


def _queries_of(client: APIClient, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(url)
    assert answer.status_code == 200, answer.content
    return [query["sql"] for query in queries]
