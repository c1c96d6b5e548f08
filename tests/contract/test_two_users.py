"""Another user's objects cannot be reached: each way to name one is answered as if it did not exist.

Generated from the OpenAPI document: every route and method, by path, filter, field, cursor and key, asked by
another user, by staff and by an anonymous client. Each response must be that of an unknown id, nothing of
bob's may stand in it, and nothing of bob's may change.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from json import dumps
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app.models import ApiToken, User
from chat_app.models import Change, Confirmation, Conversation, Turn
from devkit.embedded.instance import new_vapid_key
from http_app.models import IdempotencyKey
from notifications_app.models import PushSubscription, Reminder
from recurring_app.models import RecurringTask
from tasks_app.models import SeriesSlot, Tag, Task
from tasks_app.services import update_task
from tests.contract.document import OPERATIONS, Operation
from tests.contract.two_users import (
    NAMES,
    PATHS,
    PLAIN,
    STATES,
    TELLS,
    Way,
    cursor_of,
    places,
    ways,
    with_another_id,
)

pytestmark = pytest.mark.django_db

SECRET = "zebrastripes"  # stands in every text of bob's
NOBODYS = 777_999_999
WAYS = [way for operation in OPERATIONS for way in ways(operation)]


class World:
    """bob's objects and the caller's own, and a client for each caller."""

    def __init__(self, alice: User, bob: User, charlie: User, client_of: Callable[[User], APIClient]) -> None:
        User.objects.filter(pk=charlie.pk).update(is_staff=True)
        charlie.refresh_from_db()
        self.bob = bob
        self.users = {"another user": alice, "staff": charlie}
        self.clients = {name: client_of(user) for name, user in self.users.items()} | {
            "anonymous": APIClient()
        }
        self.own = {name: _own(user) for name, user in self.users.items()} | {"anonymous": _no_own()}
        self.of_bob = _of_bob(bob, client_of(bob))

    def pairs(self, way: Way) -> tuple[Any, Any]:
        """What names bob's object, and the same for an object that does not exist."""
        if way.kind == "cursor":
            bobs: str | None = self.of_bob["cursor"].get(way.operation.path)
            if bobs is None:
                pytest.fail(f"bob has no second page of {way.operation.path}: give him one in this test")
            return bobs, with_another_id(bobs, 777_000, 777_999)
        return self.of_bob[way.kind][way.state]

    def ask(self, way: Way, value: Any) -> Any:
        request = way.request(value, self.own[way.caller])
        query = "&".join(f"{name}={given}" for name, given in request.query.items())
        return self.clients[way.caller].generic(
            way.operation.method.upper(),
            f"{request.url}?{query}" if query else request.url,
            b"" if request.body is None else _json(request.body),
            content_type="application/json",
            headers=request.headers,
        )


@pytest.fixture
def world(
    alice: User, bob: User, charlie: User, client_of: Callable[[User], APIClient], settings: Settings
) -> World:
    settings.VAPID_PRIVATE_KEY = new_vapid_key()
    bob.set_password("not the password of the examples")
    bob.save()
    return World(alice, bob, charlie, client_of)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_way_is_classified(operation: Operation) -> None:
    unknown = [place for place in places(operation) if place not in NAMES and place not in PLAIN]
    assert unknown == [], (
        "in tests/contract/two_users.py, add these to NAMES if the value can name an object of a user,"
        " else to PLAIN"
    )
    assert operation.path in PATHS, "add what this path names to PATHS in tests/contract/two_users.py"


def test_the_tables_name_nothing_that_is_not_there() -> None:
    there = {place for operation in OPERATIONS for place in places(operation)}
    assert (set(NAMES) | PLAIN) - there == set(), (
        "docs/openapi.yaml does not have these: take them out of tests/contract/two_users.py, or renew it by"
        " `./todo manage spectacular --file docs/openapi.yaml`"
    )
    assert set(PATHS) - {operation.path for operation in OPERATIONS} == set()


@pytest.mark.slow
@pytest.mark.parametrize("operation", [each for each in OPERATIONS if any(ways(each))], ids=str)
def test_another_s_object_is_as_if_it_were_not(operation: Operation, world: World) -> None:
    before, leaks = rows_of(world.bob), []
    for way in ways(operation):
        bobs, nobodys = world.pairs(way)
        with _taken_back():
            answer = world.ask(way, bobs)
            changed = rows_of(world.bob)
        with _taken_back():
            other = world.ask(way, nobodys)
        shown = SECRET in answer.content.decode().replace(str(bobs), "")
        differs = _plain(answer, bobs) != _plain(other, nobodys) and (str(operation), way.place) not in TELLS
        let_in = way.place == "path" and answer.status_code < 400
        if shown or differs or let_in or changed != before or answer.status_code >= 500:
            leaks.append((way, answer.status_code, answer.content, other.status_code, other.content))
    assert leaks == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_nothing_of_bob_s_without_naming_it(operation: Operation, world: World) -> None:
    """What a route does to one's own leaves bob's alone, and shows nothing of it."""
    before = rows_of(world.bob)
    for caller, client in world.clients.items():
        own = world.own[caller]
        kind = PATHS[operation.path]
        url = operation.url(own[kind] if kind else 1)
        with _taken_back():
            answer = getattr(client, operation.method)(url, operation.example() or None)
            changed = rows_of(world.bob)
        assert SECRET not in answer.content.decode()
        assert changed == before


def test_how_many() -> None:
    """The figure: `./todo test tests/contract/test_two_users.py -q -s`."""
    print(f"\n{len(WAYS)} combinations of caller, route, place and object; each asked twice")
    assert len(WAYS) > 500
    assert {way.kind for way in WAYS} == {*NAMES.values(), *filter(None, PATHS.values())}


# --- what there is ---------------------------------------------------------------------------------


def _of_bob(bob: User, client: APIClient) -> dict[str, Any]:
    tags = [Tag.objects.create(pk=777_000_010 + i, user=bob, name=f"{SECRET}{i}") for i in range(2)]
    tasks = [_task_of_bob(bob, i, state) for i, state in enumerate(STATES["task"])]
    for task in tasks:
        update_task(task, tags=tags[:1])
    subscriptions = [_subscription(bob, 777_000_020 + i) for i in range(2)]
    tokens = [
        ApiToken.objects.create(
            pk=777_000_030 + i, user=bob, name=SECRET, digest=f"{SECRET}{i}", scopes=["read"]
        )
        for i in range(2)
    ]
    template = _template(bob, 777_000_040)
    _template(bob, 777_000_041)
    for i in range(2):
        SeriesSlot.objects.create(
            user=bob,
            recurring_task=template,
            slot_at=timezone.now() - timedelta(days=i),
            outcome="missed",
        )
    IdempotencyKey.objects.create(
        user=bob, key="of bob", fingerprint="0" * 64, status=201, body=SECRET.encode()
    )
    conversation, turn, confirmation = _conversation(bob, SECRET)
    return {
        "conversation": [(str(conversation), str(UUID(int=7)))],
        "turn": [(str(turn), str(UUID(int=7)))],
        "confirmation": [(str(confirmation), str(UUID(int=7)))],
        "task": [(task.pk, NOBODYS) for task in tasks],
        "series": [(str(tasks[0].series_id), str(UUID(int=7)))],
        "external id": [(tasks[0].external_id, "nobodysid")],
        "tag": [(tags[0].pk, NOBODYS)],
        "tag name": [(tags[0].name, "nobodysstripe")],
        "push subscription": [(subscriptions[0].pk, NOBODYS)],
        "api token": [(tokens[0].pk, NOBODYS)],
        "template": [(template.pk, NOBODYS)],
        "e-mail address": [(bob.email, "who@example.test")],
        "account": [(str(bob.pk), str(UUID(int=7)))],
        "word": [(SECRET, "nobodysword")],
        "idempotency key": [("of bob", "of no user")],
        "cursor": _cursors(client, tasks[0], template),
    }


def _task_of_bob(bob: User, number: int, state: str) -> Task:
    now = timezone.now()
    fields: dict[str, dict[str, Any]] = {
        "open": {"recurrence_rule": "daily"},
        "completed": {"completed": True, "completed_at": now},
        "archived": {"archived": True},
        "in the trash": {"deleted_at": now},
    }
    task = Task.objects.create(
        pk=777_000_000 + number,
        user=bob,
        external_id=f"{SECRET}{number}",
        title=SECRET,
        description=SECRET,
        **fields[state],
    )
    for i in range(2):
        Reminder.objects.create(
            task=task,
            reminder_at=now - timedelta(hours=i),
            claimed_at=now - timedelta(hours=i),
            lateness=timedelta(0),
            event_id=uuid4(),
        )
    return task


def _subscription(user: User, pk: int | None = None) -> PushSubscription:
    return PushSubscription.objects.create(
        pk=pk,
        user=user,
        endpoint=f"https://push.example.test/{user.pk}/{pk}",
        user_agent=SECRET if pk else "",
    )


def _template(user: User, pk: int | None = None) -> RecurringTask:
    return RecurringTask.objects.create(
        pk=pk,
        user=user,
        template_title=SECRET if pk else "own",
        recurrence_pattern="daily",
        starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001 - a wall clock's
        next_occurrence=timezone.now() + timedelta(days=1),
    )


def _conversation(user: User, text: str) -> tuple[UUID, UUID, UUID]:
    """The ids of a conversation, of a turn that changed something, and of what it asks."""
    conversation = Conversation.objects.create(user=user, title=text)
    turn = Turn.objects.create(user=user, conversation=conversation, state="waiting")
    Change.objects.create(
        turn=turn, position=0, kind="task", action="created", object_id=777_000_000, version_after=2
    )
    confirmation = Confirmation.objects.create(
        user=user,
        conversation=conversation,
        turn=turn,
        call_id="1",
        tool="delete_tasks",
        arguments={"task_ids": [777_000_000]},
        words=text,
        expires_at=timezone.now() + timedelta(hours=1),
    )
    return conversation.pk, turn.pk, confirmation.pk


def _cursors(client: APIClient, task: Task, template: RecurringTask) -> dict[str, str]:
    """Of each list, the one that leads to bob's second page."""
    Task.objects.create(pk=777_000_009, user=task.user, title=SECRET)
    SeriesSlot.objects.create(
        user=task.user,
        series_id=task.series_id,
        slot_at=timezone.now() - timedelta(days=1),
        outcome=SeriesSlot.Outcome.MISSED,
    )
    lists = [each for each in OPERATIONS if "cursor" in each.parameters("query")]
    conversation = Conversation.objects.create(user=task.user, title=SECRET)
    for position in range(2):
        conversation.messages.create(role="user", content=SECRET, position=position)
    ids = {"task": task.pk, "template": template.pk, "conversation": conversation.pk}
    pages = {
        each.path: client.get(each.url(ids.get(PATHS[each.path] or "", 1)), {"page_size": 1}).json()
        for each in lists
    }
    return {path: cursor_of(page) for path, page in pages.items() if page["next"]}


def _own(user: User) -> dict[str, Any]:
    return {
        **dict(zip(("conversation", "turn", "confirmation"), _conversation(user, "own"), strict=True)),
        "task": Task.objects.create(user=user, title="of the caller").pk,
        "tag": Tag.objects.create(user=user, name="of the caller").pk,
        "second tag": Tag.objects.create(user=user, name="the second").pk,
        "push subscription": _subscription(user).pk,
        "api token": ApiToken.objects.create(user=user, name="own", digest=str(user.pk), scopes=["read"]).pk,
        "template": _template(user).pk,
    }


def _no_own() -> dict[str, Any]:
    kinds = ("task", "tag", "second tag", "push subscription", "api token", "template")
    return dict.fromkeys(kinds, NOBODYS) | dict.fromkeys(("conversation", "confirmation"), UUID(int=7))


def rows_of(user: User) -> list[tuple[str, str]]:
    """Everything in the database that is this user's: a table and a row of it in JSON, in order."""
    with connection.cursor() as cursor:
        cursor.execute(*_select_rows_of(user.pk))
        return sorted(cursor.fetchall())


@lru_cache(1)
def _select_rows_of(user: UUID) -> tuple[str, list[object]]:
    """One statement with its parameters: asked one by one, so many tables take longer than a request."""
    paths = {"user": "user", "task": "task__user", "delivery": "delivery__user"}
    queries = [User.objects.filter(pk=user)]
    for model in apps.get_models():
        names = {each.name for each in model._meta.concrete_fields if each.is_relation}
        path = next((paths[name] for name in paths if name in names), None)
        if path and model.__module__.split(".")[0].endswith("_app"):
            queries.append(model._default_manager.filter(**{path: user}))
    selects: list[str] = []
    parameters: list[object] = []
    for query in queries:
        select, given = query.order_by().values().query.sql_with_params()
        table = query.model._meta.db_table
        selects.append(f"SELECT '{table}', to_jsonb(its)::text FROM ({select}) AS its")
        parameters += given
    return " UNION ALL ".join(selects), parameters


@contextmanager
def _taken_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _plain(answer: Any, value: Any) -> Any:
    """An answer without the name that was asked by; of what was changed or made, only which fields it has."""
    if answer.status_code < 300 and answer.request["REQUEST_METHOD"] != "GET":
        return answer.status_code, sorted(answer.json()) if answer.content else None
    text = answer.content.decode().replace(str(value), "NAME")
    return answer.status_code, re.sub(r'cursor=[^"&]+', "cursor", text)


def _json(body: dict[str, Any]) -> bytes:
    return dumps(body).encode()
