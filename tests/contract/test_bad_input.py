"""Whatever is sent to whatever route: an answer in the one error form, never a 500.

Each route, parameter and field of the OpenAPI document, by a staff user who has an object of each kind.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from json import dumps
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app.models import ApiToken, User
from chat_app.models import Confirmation, Conversation, Turn
from devkit.embedded.instance import new_vapid_key
from notifications_app.models import PushSubscription
from recurring_app.models import RecurringTask
from tasks_app.models import Priority, Tag, Task
from tests.contract.document import NOBODYS_ID, OPERATIONS, Operation, broken_rules, resolved
from tests.contract.error_codes import documented

pytestmark = pytest.mark.django_db

CODES = documented()
ERROR = {"$ref": "#/components/schemas/Error"}
WITH_BODY = [operation for operation in OPERATIONS if operation.body]
WRITING = [operation for operation in OPERATIONS if not operation.reads]
WITH_ID = [operation for operation in OPERATIONS if "{" in operation.path]
# Anything but the objects themselves, which every kind has under this id.
ID = 777_000_000  # no object that a request creates gets it, however many other tests have made

BODIES: dict[str, tuple[bytes, set[int]]] = {
    "nothing of JSON": (b"title=x", {400}),
    "half of it": (b'{"title": "x"', {400}),
    "two of it": (b"{} {}", {400}),
    "a list": (b"[]", {400}),
    "null": (b"null", {400}),
    "a text": (b'"x"', {400}),
    "a number": (b"1", {400}),
    "NaN": (b'{"title": NaN}', {400}),
    "infinity": (b'{"title": 1e400}', {400}),
    "10,000 digits": (b'{"title": ' + b"9" * 10_000 + b"}", {400}),
    "a name twice": (b'{"title": "a", "title": "b"}', {400}),
    "no UTF-8": (b'{"title": "\xff"}', {400}),
    "half a character": (b'{"title": "\\ud800"}', {400}),
    "half a character for a name": (b'{"\\udfff": 1}', {400}),
    "NUL": (b'{"title": "a\\u0000b"}', {400}),
    "a raw NUL": (b'{"title": "a\x00b"}', {400}),
    "UTF-16": ('{"title": "x"}'.encode("utf-16"), {400}),
    "a deep list": (b'{"title": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", {400}),
    "a deep object": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, {400}),
    "a list as deep as can be parsed": (b'{"title": ' + b"[" * 300 + b"]" * 300 + b"}", {400}),
    "an unknown field": (b'{"no_such_field": 1}', {400}),
    "three megabytes": (b'{"title": "' + b"x" * 3_000_000 + b'"}', {413}),
}
HEADERS: dict[str, tuple[dict[str, str], set[int]]] = {
    "another type": ({"Content-Type": "text/plain"}, {415}),
    "a form": ({"Content-Type": "application/x-www-form-urlencoded"}, {415}),
    "a type that is none": ({"Content-Type": "json"}, {415}),
    "another charset": ({"Content-Type": "application/json; charset=utf-16"}, {415}),
    "squeezed": ({"Content-Encoding": "gzip"}, {415}),
    "a charset that is none": ({"Content-Type": "application/json; charset=nonsense"}, {415}),
}
VALUES: list[Any] = [
    *(
        True,
        0,
        1,
        -1,
        1.5,
        2**31,
        2**63,
        10**30,
        1e300,
        "",
        " ",
        "x",
        "1",
        "true",
        "\0",
        "a\0b",
        "\ufffd",
        "é" * 9,
    ),
    *([], [[]], [1], ["x"], [None], [True], [{}], {}, {"x": 1}, None),
    *("x" * 3_000, ["x"] * 300, [1] * 300, [2**63], [-1], ["a\0"]),
]
TIMES = [
    *(
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "10000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
    ),
    *("2030-02-30T00:00:00Z", "2030-13-01T00:00:00Z", "2030-01-01T24:00:01Z", "2030-01-01T25:00:00Z"),
    *(
        "2030-06-30T23:59:60Z",
        "2030-01-01T00:00:00",
        "2030-01-01T00:00:00+25:00",
        "2030-01-01T00:00:00+99:99",
    ),
    *("20300101T000000", "2030-W01-1", "1e5", "tomorrow", "2030-01-01", "-2030-01-01T00:00:00Z"),
    *("٢٠٣٠-01-01T00:00:00Z", "2030-01-01T00:00:00Z\0", "2030-01-01 00:00", "1893456000"),
]
PARAMETERS = [
    *(
        "%00",
        "a%00b",
        "%ff",
        "%ED%A0%80",
        "-1",
        "0",
        "1.5",
        "1e400",
        "9" * 5_000,
        "x" * 3_000,
        "true",
        "null",
    ),
    *("[]", "%7B%7D", "'", "%25", "\u0663", ",", "1,2", "+", "NaN", *map(quote, TIMES)),
]
IDS = [
    "0",
    "-1",
    "1.0",
    "+1",
    "1e3",
    "%00",
    "%20",
    "x",
    "\u0663",
    "9" * 19,
    "9" * 40,
    "9" * 400,
    "null",
    "1%2F2",
]


@pytest.fixture
def client(charlie: User, client_of: Callable[[User], APIClient], settings: Settings) -> APIClient:
    settings.VAPID_PRIVATE_KEY = new_vapid_key()
    charlie.is_staff = True
    charlie.save()
    Priority.objects.create(pk=ID, name="Someday", level=5, color="#999999")
    Task.objects.create(pk=ID, user=charlie, title="hers", recurrence_rule="daily")
    Tag.objects.create(pk=ID, user=charlie, name="hers")
    RecurringTask.objects.create(
        pk=ID,
        user=charlie,
        template_title="hers",
        recurrence_pattern="daily",
        starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001 - a wall clock's
    )
    PushSubscription.objects.create(pk=ID, user=charlie, endpoint="https://push.example.test/1")
    ApiToken.objects.create(pk=ID, user=charlie, name="hers", digest="1", scopes=["read"])
    converse(charlie)
    client = client_of(charlie)
    client.raise_request_exception = False
    return client


def converse(user: User) -> None:
    """A conversation whose last turn asks for something."""
    conversation = Conversation.objects.create(pk=UUID(int=ID), user=user)
    turn = Turn.objects.create(pk=UUID(int=ID), user=user, conversation=conversation, state="waiting")
    Confirmation.objects.create(
        pk=UUID(int=ID),
        user=user,
        conversation=conversation,
        turn=turn,
        call_id="1",
        tool="delete_tasks",
        arguments={"task_ids": [ID]},
        words=f"Move to the trash: 1 task\n- “hers” ({ID})",
        expires_at=timezone.now() + timedelta(hours=1),
    )


def ask(client: APIClient, operation: Operation, url: str, body: bytes = b"", **headers: str) -> Any:
    """The answer; whatever it did is taken back."""
    kind = headers.pop("Content-Type", "application/json")
    with transaction.atomic():
        answer = client.generic(operation.method.upper(), url, body, content_type=kind, headers=headers)
        transaction.set_rollback(True)
    return answer


def problems(answer: Any, expected: set[int]) -> list[str]:
    """What is wrong with an answer to what is wrong."""
    found = [] if answer.status_code in expected else [f"{answer.status_code}: {answer.content[:300]!r}"]
    if "X-Request-ID" not in answer.headers:
        found.append("no X-Request-ID")
    if answer.status_code >= 400:
        if answer.headers["Content-Type"] != "application/json":
            return [*found, "no JSON"]
        found += broken_rules(ERROR, answer.json())
        codes = {error["code"] for error in answer.json()["errors"]}
        found += [f"docs/errors.md does not tell of {code}" for code in codes - CODES]
        found += [word for word in ("Traceback", "psycopg", "sys.set_int") if word in answer.content.decode()]
    return found


def gathered(results: Iterator[tuple[Any, list[str]]]) -> list[tuple[Any, list[str]]]:
    return [(what, wrong) for what, wrong in results if wrong]


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_bodies_that_are_none(operation: Operation, client: APIClient) -> None:
    url = operation.url(ID)
    assert (
        gathered(
            (name, problems(ask(client, operation, url, body), expected))
            for name, (body, expected) in BODIES.items()
        )
        == []
    )


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_another_content_type(operation: Operation, client: APIClient) -> None:
    body = dumps(operation.example()).encode()
    assert (
        gathered(
            (name, problems(ask(client, operation, operation.url(ID), body, **headers), expected))
            for name, (headers, expected) in HEADERS.items()
        )
        == []
    )


@pytest.mark.slow
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_every_field_with_every_kind_of_value(operation: Operation, client: APIClient) -> None:
    """What the schema says otherwise of is a 400 that names the field; what it lets through is no 500."""
    assert gathered(_each_value(operation, client)) == []


def _each_value(operation: Operation, client: APIClient) -> Iterator[tuple[Any, list[str]]]:
    assert operation.body
    for name, schema in resolved(operation.body["schema"])["properties"].items():
        times = TIMES if "date" in dumps(resolved(schema)) else []
        for value in [*VALUES, *times]:
            body = {**operation.example(), name: value}
            if name == "operations":
                body["atomic"] = True  # otherwise an error of one of them is in a 200
            answer = ask(client, operation, operation.url(ID), dumps(body).encode())
            allowed = set(operation.spec["responses"]) - {"304", "503"}
            allowed -= {"404"} if operation in WITH_ID else set()  # the object is there
            expected = {400} if broken_rules(schema, value) else {int(code) for code in allowed}
            wrong = problems(answer, expected)
            if expected == {400} == {answer.status_code}:
                attrs = {(error["attr"] or "").split(".")[0] for error in answer.json()["errors"]}
                wrong += [] if name in attrs else [f"names {attrs}"]
            yield (name, repr(value)[:60]), wrong


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_parameter_with_every_kind_of_value(operation: Operation, client: APIClient) -> None:
    body = dumps(operation.example()).encode() if operation.body else b""
    allowed = {int(code) for code in operation.spec["responses"]} - {503}
    assert (
        gathered(
            (
                (name, value[:40]),
                problems(ask(client, operation, f"{operation.url(ID)}?{name}={value}", body), allowed),
            )
            for name in operation.parameters("query")
            for value in PARAMETERS
        )
        == []
    )


@pytest.mark.parametrize("operation", WITH_ID, ids=str)
def test_ids_that_are_none(operation: Operation, client: APIClient) -> None:
    body = dumps(operation.example()).encode() if operation.body else b""
    assert (
        gathered(
            (given[:40], problems(ask(client, operation, operation.url(given), body), {404})) for given in IDS
        )
        == []
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_an_answer_that_we_do_not_speak(operation: Operation, client: APIClient) -> None:
    # What another process serves is not negotiated here: a 421, after the body is found right.
    elsewhere = 421 if operation.reads else 400
    expected = elsewhere if "421" in operation.spec["responses"] else 406
    for accepted in ("application/xml", "text/html", "image/*"):
        answer = ask(client, operation, operation.url(ID), Accept=accepted)
        assert problems(answer, {expected}) == []


@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS}))
def test_methods_that_are_not_there(path: str, client: APIClient) -> None:
    (operation, *others) = [each for each in OPERATIONS if each.path == path]
    there = {each.method.upper() for each in (operation, *others)}
    for method in sorted({"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "X"} - there):
        answer = client.generic(method, operation.url(ID), b"", content_type="application/json")
        assert problems(answer, {405}) == [], method
        assert there <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_is_what_it_says(header: str, client: APIClient) -> None:
    assert client.get("/api/me", headers={header: "DELETE"}).status_code == 200
    assert client.post("/api/tasks?_method=DELETE", {"title": "x"}).status_code == 400
    assert client.post("/api/tasks", {"title": "x", "_method": "DELETE"}).status_code == 400
    assert client.post(f"/api/tasks/{ID}", headers={header: "DELETE"}).status_code == 405
    assert Task.objects.filter(pk=ID).exists()


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_no_body_is_an_empty_object(operation: Operation, client: APIClient) -> None:
    empty, nothing = (ask(client, operation, operation.url(ID), body) for body in (b"{}", b""))
    assert empty.status_code == nothing.status_code
    if empty.status_code >= 400:
        assert empty.json() == nothing.json()


@pytest.mark.parametrize("operation", [each for each in WRITING if not each.body], ids=str)
def test_a_body_where_none_is_taken(operation: Operation, client: APIClient) -> None:
    """It would be dropped without a word, and so would be what it says."""
    url = operation.url(ID)
    refused = ask(client, operation, url, b'{"no_such_field": 1}')
    assert problems(refused, {400}) == []
    (error,) = refused.json()["errors"]
    assert (error["code"], error["attr"]) == ("unknown_field", "no_such_field")
    for name, (body, expected) in BODIES.items():
        assert problems(ask(client, operation, url, body), expected) == [], name
    for name, (headers, expected) in HEADERS.items():
        assert problems(ask(client, operation, url, b"{}", **headers), expected) == [], name
    assert ask(client, operation, url, b"{}").status_code == ask(client, operation, url).status_code < 300


@pytest.mark.parametrize("operation", WRITING, ids=str)
def test_a_version_of_what_has_none(operation: Operation, client: APIClient) -> None:
    if "If-Match" in operation.parameters("header"):
        return
    body = dumps(operation.example()).encode() if operation.body else b""
    for version in ('"1"', 'W/"1"', "1", ""):
        refused = ask(client, operation, operation.url(ID), body, **{"If-Match": version})
        assert problems(refused, {412}) == [], version
    if "{" in operation.path:
        assert ask(client, operation, operation.url(ID), body, **{"If-Match": "*"}).status_code != 412


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_without_a_token(operation: Operation) -> None:
    answer = ask(APIClient(), operation, operation.url(NOBODYS_ID), b"{}")
    assert problems(answer, {400} if operation.is_open else {401}) == []
    assert operation.is_open or answer.headers["WWW-Authenticate"].startswith("Bearer")
