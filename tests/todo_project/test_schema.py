"""The OpenAPI document: complete, kept by what is really answered, and readable without outside network."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from accounts_app.models import User
from chat_app.models import Conversation
from notifications_app.models import PushSubscription
from recurring_app.models import RecurringTask
from tasks_app.models import Tag, Task

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], APIClient]
PUBLIC = {
    *("/api/auth/register", "/api/auth/token", "/api/auth/token/refresh", "/api/auth/logout"),
    *("/api/auth/password/reset", "/api/auth/password/reset/confirm", "/api/auth/email/confirm"),
}
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
NOBODYS_ID, NOBODYS_UUID = 999_999, UUID(int=999_999)
METHODS = {"get", "post", "put", "patch", "delete"}


@cache
def schema() -> dict[str, Any]:
    """The document. The command fails when anything in it had to be guessed, or when it is not OpenAPI."""
    written = StringIO()
    call_command("spectacular", fail_on_warn=True, validate=True, stdout=written)
    document: dict[str, Any] = yaml.safe_load(written.getvalue())
    return document


def operations() -> Iterator[tuple[str, str]]:
    """Each method and path, with an id that nothing has."""
    for path, methods in schema()["paths"].items():
        for method in METHODS & set(methods):
            parameters = methods[method].get("parameters", [])
            is_uuid = any(
                parameter["in"] == "path" and parameter["schema"].get("format") == "uuid"
                for parameter in parameters
            )
            yield method, re.sub(r"\{\w+\}", str(NOBODYS_UUID if is_uuid else NOBODYS_ID), path)


def broken_rules(answer: Any, path: str, method: str = "get") -> list[str]:
    """What the document says otherwise of this answer."""
    response = schema()["paths"][path][method]["responses"][str(answer.status_code)]
    if "$ref" in response:
        response = schema()["components"]["responses"][response["$ref"].rsplit("/", 1)[-1]]
    rules = response["content"]["application/json"]["schema"]
    validator = Draft202012Validator(rules | {"components": schema()["components"]})
    return [error.message for error in validator.iter_errors(answer.json())]


def test_the_document_is_whole_and_names_every_route() -> None:
    assert schema()["openapi"].startswith("3.1")
    assert PUBLIC | {"/api/me", "/api/tasks", "/api/tasks/{id}/complete"} <= set(schema()["paths"])


def test_the_checked_in_document_is_this_one() -> None:
    """It is what other teams read, and what a review of a change of the API looks at."""
    assert yaml.safe_load(DOCUMENT.read_text()) == schema(), (
        "the API and docs/openapi.yaml differ: renew it by"
        " `./todo manage spectacular --file docs/openapi.yaml`, and look at the difference"
    )


def test_it_is_served_to_anyone() -> None:
    answer = Client().get("/api/schema")
    assert answer.status_code == 200
    assert yaml.safe_load(answer.content)["paths"] == schema()["paths"]


def test_every_operation_needs_a_sign_in() -> None:
    let_in = {
        path for method, path in operations() if getattr(APIClient(), method)(path, {}).status_code != 401
    }
    assert let_in == PUBLIC


def test_every_operation_refuses_an_unknown_parameter(alice: User, client_of: ClientOf) -> None:
    alice.is_staff = True
    client = client_of(alice)
    Task.objects.create(pk=NOBODYS_ID, user=alice, title="one of hers, of which there are lists")
    RecurringTask.objects.create(
        pk=NOBODYS_ID,
        user=alice,
        template_title="the same",
        recurrence_pattern="daily",
        starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001 - a wall clock's
    )
    Conversation.objects.create(pk=NOBODYS_UUID, user=alice)
    accepting = []
    for method, path in operations():
        answer = getattr(client, method)(f"{path}?unheard_of=1", {})
        named = {error["attr"] for error in answer.json().get("errors", [])}
        if (answer.status_code, named) != (400, {"unheard_of"}):
            accepting.append((method, path, answer.status_code))
    assert accepting == []


def test_every_error_has_the_one_form(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    validator = Draft202012Validator(
        schema()["components"]["schemas"]["Error"] | {"components": schema()["components"]}
    )
    for method, path in operations():
        answer = getattr(client, method)(path, {"unheard_of": 1})
        if answer.status_code >= 400:
            assert validator.is_valid(answer.json()), (method, path, answer.content)
            assert answer.status_code < 500


def test_answers_are_as_the_document_says(alice: User, client_of: ClientOf) -> None:
    task = Task.objects.create(user=alice, title="hers")
    Tag.objects.create(user=alice, name="home")
    PushSubscription.objects.create(user=alice, endpoint="https://push.example.test/1")
    client = client_of(alice)
    for path in ("/api/me", "/api/tasks", "/api/tags", "/api/priorities", "/api/push-subscriptions"):
        assert broken_rules(client.get(path), path) == []
    assert broken_rules(client.get(f"/api/tasks/{task.pk}"), "/api/tasks/{id}") == []
    assert broken_rules(client.get("/api/tasks?pinned=perhaps"), "/api/tasks") == []
    assert broken_rules(APIClient().get("/api/me"), "/api/me") == []
    new = client.post("/api/tasks", {"title": "new"})
    assert new.status_code == 201
    assert broken_rules(new, "/api/tasks", "post") == []


def test_the_docs_page_loads_nothing_from_outside() -> None:
    client = Client()
    page = client.get("/api/docs")
    assert page.status_code == 200
    html = page.content.decode()
    assert "//" not in re.sub(r"<!--.*?-->", "", html)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(loaded) == 5
    for url in loaded:
        answer = client.get(url.replace("&amp;", "&"))
        assert answer.status_code == 200, url
        answer.close()


def test_the_docs_page_runs_under_a_strict_content_security_policy() -> None:
    """No script stands in the page itself: `script-src 'self'` is enough."""
    html = Client().get("/api/docs").content.decode()
    assert re.findall(r"<script[^>]*>\s*[^<\s]", html) == []
    assert 'url: "/api/schema"' in Client().get("/api/docs?script=").content.decode()


def test_the_root_leads_to_the_docs() -> None:
    answer = Client().get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/api/docs")


def test_the_docs_page_is_only_read() -> None:
    assert Client().options("/api/docs").status_code == 405


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/api/tasks", "post", {"Idempotency-Key"}),
        ("/api/tasks", "get", set()),
        ("/api/tasks/{id}", "get", {"If-None-Match"}),
        ("/api/tasks/{id}", "patch", {"Idempotency-Key", "If-Match"}),
        ("/api/tasks/{id}/complete", "post", {"Idempotency-Key", "If-Match"}),
        ("/api/tags/{id}", "patch", {"Idempotency-Key", "If-Match"}),
        ("/api/auth/token", "post", set()),
        ("/api/auth/register", "post", set()),
    ],
)
def test_the_headers_we_heed_are_named(path: str, method: str, headers: set[str]) -> None:
    parameters = schema()["paths"][path][method].get("parameters", [])
    assert {parameter["name"] for parameter in parameters if parameter["in"] == "header"} == headers


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/schema", "/api/docs"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "MADEUP"])
def test_another_method_is_refused_in_the_one_form(path: str, method: str) -> None:
    answer = Client(enforce_csrf_checks=True).generic(method, path)
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/json")
    assert answer["Allow"] == "GET, HEAD"
    (error,) = answer.json()["errors"]
    assert (error["code"], error["attr"]) == ("method_not_allowed", None)
