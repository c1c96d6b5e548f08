"""Closing an account signs out at once, frees the address, and erases all data in batches, with events."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient
from uuid_utils.compat import uuid7

from accounts_app import erasure
from accounts_app.models import DueMail, ErasedIdentity, OutsideIdentity, User
from chat_app.models import Change, Confirmation, Conversation, Message, ToolCall, Turn
from events_app.models import DeadLetter, OutboxEvent, ParkedEvent
from http_app.models import IdempotencyKey
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription, Reminder
from recurring_app.models import RecurringTask
from tasks_app.models import SeriesSlot, Tag, Task
from tasks_app.services import create_task
from tests.accounts_app.conftest import Tokens, error_of, sign_in, who_am_i
from tests.conftest import PASSWORD
from tests.tasks_app.recorded import recorded

# Real transactions: a task that is created and erased in one transaction has no event.
pytestmark = pytest.mark.django_db(transaction=True)

ClientOf = Callable[[User], APIClient]


def close(client: APIClient, access: str, **options: Any) -> Any:
    return client.delete("/api/me", headers={"Authorization": f"Bearer {access}"} | options)


def erase() -> None:
    """Run the tick until it finds nothing; before each run the relay takes the recorded events."""
    erased = 1
    while erased:
        OutboxEvent.objects.all().delete()
        erased = erasure.erase_closed_accounts()


def furnish(user: User) -> None:
    """Create a row of every kind that can belong to a user."""
    now = timezone.now()
    tag = Tag.objects.create(user=user, name="home")
    template = RecurringTask.objects.create(
        user=user, template_title="water", recurrence_pattern="daily", starts_at=now.replace(tzinfo=None)
    )
    template.tags.add(tag)
    head = create_task(user, title="head", tags=[tag], due_at=now, recurrence_rule="daily")
    create_task(user, title="child", parent_task=head, generated_from=head, recurring_task=template)
    create_task(user, title="trashed", deleted_at=now)
    SeriesSlot.objects.create(user=user, recurring_task=template, slot_at=now, outcome="done")
    browser = PushSubscription.objects.create(user=user, endpoint=f"https://push.example.test/{user.pk}")
    reminder = Reminder.objects.create(
        task=head, reminder_at=now, claimed_at=now, lateness=now - now, event_id=uuid7()
    )
    delivery = Delivery.objects.create(
        user=user,
        reminder=reminder,
        event_id=reminder.event_id,
        channel="web_push",
        target=browser.endpoint,
        subscription=browser,
        expires_at=now,
    )
    DeliveryAttempt.objects.create(delivery=delivery)
    IdempotencyKey.objects.create(user=user, key="k", fingerprint="0" * 64, status=201)
    user.api_tokens.create(name="a program", digest=f"{user.pk.hex:0>64}", scopes=["read"])
    OutsideIdentity.objects.create(user=user, issuer="https://id.example.test", subject=str(user.pk))
    converse(user, head)
    sign_in(APIClient(), str(user.email))
    for model, more in ((ParkedEvent, {}), (DeadLetter, {"attempts": 9, "error": "x"})):
        model.objects.create(  # type: ignore[attr-defined] # one of two models
            topic="task-events",
            type="task.created",
            key=str(user.pk),
            subject=str(head.pk),
            sequence=1,
            data={"title": "head"},
            group="recurring",
            **more,
        )


def converse(user: User, task: Task) -> None:
    conversation = Conversation.objects.create(user=user, title="hers")
    turn = Turn.objects.create(user=user, conversation=conversation)
    Turn.objects.create(user=user)
    Message.objects.create(conversation=conversation, turn=turn, role="user", content="hello", position=0)
    ToolCall.objects.create(turn=turn, call_id="1", tool="complete_tasks", result={})
    Change.objects.create(
        turn=turn, position=0, kind="task", action="completed", object_id=task.pk, version_after=2
    )
    Confirmation.objects.create(
        user=user,
        conversation=conversation,
        turn=turn,
        call_id="2",
        tool="delete_tasks",
        arguments={},
        words="Delete head",
        expires_at=timezone.now(),
    )


def rows() -> dict[str, int]:
    """The number of rows in each table of the project."""
    ours = [model for model in apps.get_models() if model.__module__.split(".")[0].endswith("_app")]
    return {model._meta.label: model._base_manager.count() for model in ours}


def test_closing_signs_out_everywhere_at_once(alice: User, hers: Tokens, anyone: APIClient) -> None:
    phone = sign_in(anyone, "alice@example.test").json()
    headers = {"Authorization": f"Bearer {hers['access']}"}
    body = {"name": "a program", "scopes": ["read"]}
    program = anyone.post("/api/auth/api-tokens", body, headers=headers).json()["token"]
    answer = close(anyone, hers["access"])
    assert (answer.status_code, answer.content) == (202, b"")
    for access in (hers["access"], phone["access"], program):
        assert error_of(who_am_i(anyone, access), 401) == (None, "user_inactive")
    for tokens in (hers, phone):
        assert anyone.post("/api/auth/token/refresh", {"refresh": tokens["refresh"]}).status_code == 401
    assert error_of(sign_in(anyone, "alice@example.test"), 401) == (None, "no_active_account")
    assert close(anyone, hers["access"]).status_code == 401


def test_the_address_is_free_at_once(alice: User, hers: Tokens, anyone: APIClient) -> None:
    close(anyone, hers["access"])
    body = {"email": "alice@example.test", "password": PASSWORD}
    new = anyone.post("/api/auth/register", body)
    assert new.status_code == 201
    erase()
    assert [str(user.pk) for user in User.objects.all()] == [new.json()["id"]]


def test_an_operator_is_signed_out_of_the_admin(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    browser = Client()
    browser.force_login(alice)
    assert browser.get("/admin/").status_code == 200
    erasure.close_account(alice)
    assert browser.get("/admin/").status_code == 302


def test_a_program_cannot_close_the_account(alice: User, hers: Tokens, anyone: APIClient) -> None:
    headers = {"Authorization": f"Bearer {hers['access']}"}
    body = {"name": "a program", "scopes": ["read", "write"]}
    program = anyone.post("/api/auth/api-tokens", body, headers=headers).json()["token"]
    assert error_of(close(anyone, program), 403) == (None, "api_token_refused")
    assert who_am_i(anyone, program).status_code == 200


def test_everything_is_erased_and_nothing_of_others(alice: User, bob: User) -> None:
    before = rows()
    furnish(bob)
    of_bob = rows()
    furnish(alice)
    touched = {name for name, number in rows().items() if number > of_bob[name]}
    assert {"tasks_app.Task", "notifications_app.Delivery", "http_app.IdempotencyKey"} <= touched
    assert {"Message", "ToolCall", "Change", "Confirmation"} <= {
        name.removeprefix("chat_app.") for name in touched
    }
    OutboxEvent.objects.all().delete()
    erasure.close_account(alice)
    erase()
    left = {name: (number, rows()[name]) for name, number in of_bob.items() if rows()[name] != number}
    assert left == {
        "accounts_app.User": (of_bob["accounts_app.User"], before["accounts_app.User"] - 1),
        "accounts_app.ErasedIdentity": (0, 1),
        "events_app.OutboxEvent": (of_bob["events_app.OutboxEvent"], 0),
    }
    assert not connection.needs_rollback
    assert ErasedIdentity.objects.get().digest


def test_nothing_in_the_database_names_the_erased(alice: User, hers: Tokens, anyone: APIClient) -> None:
    furnish(alice)
    DueMail.objects.create(kind=DueMail.Kind.PASSWORD_RESET, address="alice@example.test")
    close(anyone, hers["access"])
    erase()
    names = [f"%{name}%" for name in ("alice@example.test", alice.pk, alice.pk.hex)]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE ANY(%s)', [names])
            assert cursor.fetchone() == (0,), table


def test_each_task_is_recorded_deleted_once_and_a_trashed_one_not_again(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = create_task(alice, title="head")
    others = [create_task(alice, title=f"child {n}", parent_task=head).pk for n in range(7)]
    create_task(alice, title="trashed", deleted_at=timezone.now())
    erasure.close_account(alice)
    monkeypatch.setattr(erasure, "BATCH", 3)
    with recorded() as found:
        erasure.erase_closed_accounts()
    assert sorted(found.types) == [("task.deleted", pk) for pk in sorted([head.pk, *others])]


def test_the_account_goes_when_its_events_have(alice: User) -> None:
    create_task(alice, title="hers")
    erasure.close_account(alice)
    erasure.erase_closed_accounts()
    assert not Task.objects.exists()
    assert User.objects.filter(pk=alice.pk).exists()
    OutboxEvent.objects.all().delete()
    erasure.erase_closed_accounts()
    assert not User.objects.exists()


def test_it_waits_while_the_outbox_is_deep(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "DEEPEST_OUTBOX", 3)
    monkeypatch.setattr(erasure, "BATCH", 2)
    for n in range(4):
        create_task(alice, title=f"task {n}")
    OutboxEvent.objects.all().delete()
    erasure.close_account(alice)
    assert erasure.erase_closed_accounts() == 2
    assert erasure.erase_closed_accounts() == 0
    erase()
    assert not User.objects.exists()


def test_a_batch_that_is_killed_is_taken_back_and_done_again(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        create_task(alice, title=f"task {n}")
    erasure.close_account(alice)
    monkeypatch.setattr(erasure, "BATCH", 2)
    deletions = 0

    def killed_in_the_second_batch(execute: Any, sql: str, *arguments: Any) -> Any:
        nonlocal deletions
        result = execute(sql, *arguments)
        deletions += bool(re.search(r'\bDELETE FROM "?tasks"? ', sql))
        if deletions == 2:
            raise KeyboardInterrupt
        return result

    with connection.execute_wrapper(killed_in_the_second_batch), pytest.raises(KeyboardInterrupt):
        erasure.erase_closed_accounts()
    assert Task.objects.count() == 3
    erase()
    assert not User.objects.exists()


def test_two_closed_accounts_are_erased_side_by_side(
    alice: User, bob: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "BATCH", 1)
    for user in (alice, alice, alice, alice, alice, alice, bob, charlie):
        create_task(user, title="a task")
    erasure.close_account(alice)
    erasure.close_account(bob)
    erasure.erase_round(float("inf"))
    assert Task.objects.filter(user=alice).count() == 5
    assert not Task.objects.filter(user=bob).exists()
    erase()
    assert list(User.objects.all()) == [charlie]
    assert Task.objects.filter(user=charlie).count() == 1


def test_the_token_of_an_outside_provider_is_refused_all_along(alice: User) -> None:
    """Otherwise its next request would open a new account."""
    OutsideIdentity.objects.create(user=alice, issuer="https://id.example.test", subject="alice")
    create_task(alice, title="hers")
    erasure.close_account(alice)
    erasure.erase_closed_accounts()
    assert OutsideIdentity.objects.filter(user=alice).exists()
    erase()
    assert not OutsideIdentity.objects.exists()
    assert ErasedIdentity.objects.exists()


def test_the_operators_log_forgets_the_name(alice: User, bob: User) -> None:
    task = create_task(alice, title="a secret of hers")
    bobs = create_task(bob, title="bob's")
    for thing, name in ((task, "a secret of hers"), (alice, "alice@example.test"), (bobs, "bob's")):
        LogEntry.objects.create(
            user=bob,
            content_type=ContentType.objects.get_for_model(thing),
            object_id=str(thing.pk),
            object_repr=name,
            action_flag=2,
            change_message="changed",
        )
    erasure.close_account(alice)
    erase()
    entries = LogEntry.objects.order_by("pk").values_list("object_repr", "change_message")
    assert list(entries) == [("(erased)", ""), ("(erased)", ""), ("bob's", "changed")]


def test_what_refers_to_others_is_erased_before_them() -> None:
    order = [model.__name__ for model, _ in erasure.owned_models()]
    assert order.index("Delivery") < order.index("PushSubscription")
    assert order.index("Task") < order.index("RecurringTask") < order.index("Tag")
    assert order.index("SeriesSlot") < order.index("RecurringTask")
    assert "OutsideIdentity" not in order
