"""The tools by MCP, with the official client and without: scopes, bounds, undo, and what is refused."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings
from django.utils import timezone
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.middleware import Middleware

from accounts_app.api_tokens import create_api_token
from accounts_app.models import User
from chat_app.mcp import middleware
from chat_app.mcp.calls import OFFERED
from chat_app.mcp.guest import guest
from chat_app.models import Change, Confirmation, Turn
from events_app.models import OutboxEvent
from sync_app.responses import EXCEPTION_HANDLERS, RequestIds
from tasks_app.models import Tag, Task
from tasks_app.services import create_task

pytestmark = pytest.mark.django_db(transaction=True)
URL = "http://127.0.0.1:8001/mcp"


def token(user: User, *scopes: str) -> str:
    with transaction.atomic():
        return create_api_token(user, name="a program", scopes=list(scopes), expires_at=None)[1]


def served(use: Callable[[httpx2.AsyncClient], Awaitable[Any]], secret: str = "", **headers: str) -> Any:
    """What `use` returns, with a client of the server's routes in this process."""

    async def main() -> Any:
        ours = guest()
        app = Starlette(
            routes=ours.routes, middleware=[Middleware(RequestIds)], exception_handlers=EXCEPTION_HANDLERS
        )
        sent = headers | ({"Authorization": f"Bearer {secret}"} if secret else {})

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": {}}, receive, send)  # as uvicorn does

        transport = httpx2.ASGITransport(app=with_state)
        async with (
            ours.running(),
            httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8001", headers=sent) as http,
        ):
            return await use(http)

    return asyncio.run(main())


def with_client(secret: str, use: Callable[[Client], Awaitable[Any]]) -> Any:
    """What `use` returns, with the official client."""

    async def connect(http: httpx2.AsyncClient) -> Any:
        async with Client(streamable_http_client(URL, http_client=http)) as client:
            return await use(client)

    return served(connect, secret)


def calls(secret: str, *wanted: tuple[str, dict[str, Any]]) -> list[Any]:
    """The answers of these calls, in order: what a tool answers, or its error's code."""

    async def call(client: Client) -> list[Any]:
        answers = []
        for name, arguments in wanted:
            result = await client.call_tool(name, arguments)
            data = result.structured_content
            assert json.loads(result.content[0].text) == data
            answers.append(data["error"][0]["code"] if result.is_error else data)
        return answers

    return with_client(secret, call)


def rpc(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


JSON = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def test_the_official_client_lists_and_calls_every_tool(alice: User) -> None:
    open_task = create_task(
        alice, title="water", due_at=timezone.now() + timedelta(days=1), recurrence_rule="daily"
    )
    others = [create_task(alice, title=f"task {n}") for n in range(6)]
    ids = [task.pk for task in others]
    Tag.objects.create(user=alice, name="home")
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("list_tasks", {}),
        ("get_task", {"task_id": ids[0]}),
        ("search", {"query": "water"}),
        ("fetch", {"id": str(ids[0])}),
        ("list_tags", {}),
        ("preview_rule", {"recurrence_rule": "daily"}),
        ("why_reminder", {"task_id": ids[0]}),
        ("create_tasks", {"tasks": [{"title": "new", "tags": ["made"]}]}),
        ("update_tasks", {"task_ids": ids[:1], "title": "renamed"}),
        ("reschedule_tasks", {"task_ids": ids[:2], "to_day": "2099-01-01"}),
        ("change_rule", {"task_id": ids[0], "recurrence_rule": "weekly"}),
        ("snooze_tasks", {"task_ids": [ids[1]], "minutes": 5}),
        ("tag_tasks", {"task_ids": [ids[2]], "add": ["home"]}),
        ("rename_tag", {"tag": "home", "new_name": "house"}),
        ("complete_tasks", {"task_ids": [ids[3]]}),
        ("reopen_tasks", {"task_ids": [ids[3]]}),
        ("skip_tasks", {"task_ids": [open_task.pk]}),
        ("delete_tasks", {"task_ids": [ids[4]]}),
        ("restore_tasks", {"task_ids": [ids[4]]}),
    ]

    async def use(client: Client) -> tuple[dict[str, Any], dict[str, Any]]:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        answers = {}
        for name, arguments in wanted:
            result = await client.call_tool(name, arguments)
            assert not result.is_error, (name, result.structured_content)
            answers[name] = result.structured_content
        undone = await client.call_tool("undo", {"undo_id": answers["update_tasks"]["undo_id"]})
        assert not undone.is_error
        answers["undo"] = undone.structured_content
        return listed, answers

    listed, answers = with_client(token(alice, "read", "write"), use)
    assert set(listed) == set(OFFERED) == set(answers)
    for name, tool in listed.items():
        assert tool.input_schema["additionalProperties"] is False
        assert tool.annotations.read_only_hint == (OFFERED[name].scope == "read")
        assert ("undo_id" in answers[name]) == (OFFERED[name].scope == "write" and name != "undo")
    assert [name for name, tool in listed.items() if tool.annotations.destructive_hint] == ["delete_tasks"]
    assert [thing["reason"] for thing in answers["undo"]["left"]] == ["changed_since"]
    assert not Turn.objects.exclude(state="done").exists()
    assert {event.actor for event in OutboxEvent.objects.filter(subject=str(ids[2]))} == {
        "system",
        "assistant:mcp",
    }


def test_a_read_token_reads_and_writes_nothing(alice: User) -> None:
    task = create_task(alice, title="mine")
    secret = token(alice, "read")
    writing = {name for name, tool in OFFERED.items() if tool.scope == "write"}
    answers = calls(
        secret,
        ("get_task", {"task_id": task.pk}),
        *((name, {"task_ids": [task.pk]}) for name in sorted(writing)),
    )
    assert answers[0]["task"]["title"] == "mine"
    assert answers[1:] == ["scope_missing"] * len(writing)
    task.refresh_from_db()
    assert (task.version, Turn.objects.count()) == (1, 0)


def test_a_call_is_undone_by_its_id(alice: User, bob: User) -> None:
    ids = [create_task(alice, title=f"task {n}").pk for n in range(3)]
    secret = token(alice, "read", "write")
    (deleted,) = calls(secret, ("delete_tasks", {"task_ids": ids}))
    undo = ("undo", {"undo_id": deleted["undo_id"]})
    assert calls(token(bob, "read", "write"), undo) == ["not_found"]
    assert Task.objects.filter(deleted_at=None).count() == 0
    undone, again, unknown, nonsense = calls(
        secret, undo, undo, ("undo", {"undo_id": str(uuid4())}), ("undo", {"undo_id": "-" * 36})
    )
    assert [thing["id"] for thing in undone["undone"]] == ids[::-1]
    assert (again, unknown, nonsense) == ("already_undone", "not_found", "invalid")
    assert Task.objects.filter(deleted_at=None).count() == 3


def test_no_one_is_asked_so_what_is_wide_is_refused(alice: User) -> None:
    ids = [create_task(alice, title=f"task {n}").pk for n in range(6)]
    answers = calls(
        token(alice, "read", "write"),
        ("delete_tasks", {"task_ids": ids}),
        ("create_tasks", {"tasks": [{"title": "a"}] * 6}),
        ("complete_tasks", {"task_ids": ids[:5]}),
    )
    assert answers[:2] == ["too_many", "too_many"]
    assert Task.objects.filter(completed=True).count() == 5
    assert Task.objects.count() == 6
    assert (Confirmation.objects.count(), Turn.objects.count(), Change.objects.count()) == (0, 1, 5)


def test_a_raw_list_of_tools_without_a_handshake(alice: User) -> None:
    secret = token(alice, "read")

    async def post(http: httpx2.AsyncClient) -> Any:
        return await http.post("/mcp", json=rpc("tools/list"), headers=JSON)

    answer = served(post, secret)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert {tool["name"] for tool in answer.json()["result"]["tools"]} == set(OFFERED)


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:8001/todo/mcp"])
def test_without_a_valid_token_it_says_where_to_look(alice: User, url: str) -> None:
    async def ask(http: httpx2.AsyncClient) -> Any:
        refused = await http.post("/mcp", json=rpc("tools/list"), headers=JSON)
        where = refused.headers["WWW-Authenticate"].split('resource_metadata="')[1].rstrip('"')
        return refused, (await http.get(where)).json()

    for secret in ("", "todo_pat_" + "0" * 64, "nonsense"):
        with override_settings(MCP_URL=url):
            refused, metadata = served(ask, secret)
        assert refused.status_code == 401
        assert refused.json()["type"] == "client_error"
        assert refused.headers["WWW-Authenticate"].startswith('Bearer realm="api"')
        assert (metadata["resource"], metadata["scopes_supported"]) == (url, ["read", "write"])


def test_a_token_without_the_scope_read_is_refused(alice: User) -> None:
    async def post(http: httpx2.AsyncClient) -> Any:
        return await http.post("/mcp", json=rpc("tools/list"), headers=JSON)

    assert served(post, token(alice, "write")).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8001"}, 200),
        ({"Host": "[::1]:8001"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:8001"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://client.example"}, 200),
    ],
)
def test_hosts_and_origins_are_those_of_the_settings(
    alice: User, headers: dict[str, str], status: int
) -> None:
    async def post(http: httpx2.AsyncClient) -> Any:
        return await http.post("/mcp", json=rpc("tools/list"), headers=JSON | headers)

    with override_settings(MCP_ALLOWED_ORIGINS=["https://client.example"]):
        assert served(post, token(alice, "read")).status_code == status


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"jsonrpc": "2.0"}', b"\xff", b"[" * 9000])
def test_nonsense_is_a_client_s_error(alice: User, body: bytes) -> None:
    async def post(http: httpx2.AsyncClient) -> Any:
        return await http.post("/mcp", content=body, headers=JSON)

    assert 400 <= served(post, token(alice, "read")).status_code < 500


def test_a_body_that_is_too_large(alice: User) -> None:
    async def post(http: httpx2.AsyncClient) -> Any:
        return await http.post(
            "/mcp", content=b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1), headers=JSON
        )

    assert served(post, token(alice, "read")).status_code == 413


def test_a_process_that_is_full(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "MOST_FOR_A_THREAD", 0)

    async def post(http: httpx2.AsyncClient) -> Any:
        return await http.post("/mcp", json=rpc("tools/list"), headers=JSON)

    full = served(post, token(alice, "read"))
    assert (full.status_code, full.json()["errors"][0]["code"]) == (503, "overloaded")
    assert full.headers["Retry-After"] == "1"


@pytest.mark.usefixtures("clock")  # an hour may end in between
def test_the_limits_of_the_api_hold(alice: User) -> None:
    with override_settings(THROTTLE_RATES={"writes": "1/h", "operations": "3/h", "previews": "2/h"}):
        answers = calls(
            token(alice, "read", "write"),
            ("create_tasks", {"tasks": [{"title": "a"}]}),
            ("create_tasks", {"tasks": [{"title": "b"}]}),
            ("list_tasks", {}),
            ("list_tasks", {}),
            ("list_tasks", {}),
        )
    assert [answer if isinstance(answer, str) else "done" for answer in answers] == [
        "done", "throttled", "done", "done", "throttled",
    ]  # fmt: skip


def test_a_user_has_few_requests_at_once_and_others_go_on(alice: User, bob: User) -> None:
    secrets = {user.pk: token(user, "read") for user in (alice, bob)}

    async def burst(http: httpx2.AsyncClient) -> list[int]:
        def post(user: User) -> Any:
            sent = JSON | {"Authorization": f"Bearer {secrets[user.pk]}"}
            body = rpc("tools/call", name="list_tasks", arguments={})
            return http.post("/mcp", json=body, headers=sent)

        answers = await asyncio.gather(*(post(alice) for _ in range(20)), post(bob))
        return [answer.status_code for answer in answers]

    *hers, his = served(burst)
    assert set(hers) <= {200, 429}
    assert 4 <= hers.count(200) < 20
    assert his == 200
