"""Whatever goes wrong under /api/: one form, and never a 500 for what a caller sends."""

import json
from typing import Any
from unittest.mock import ANY

import pytest
from django.test import Client
from pytest_django import Settings

from accounts_app.models import User
from tasks_app.models import Priority, Task

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.http_app.site")]


@pytest.fixture
def caller() -> Client:
    return Client(raise_request_exception=False)


def error_of(answer: Any, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-ID"]
    body = answer.json()
    assert set(body) == {"type", "errors"}
    assert body["type"] == kind
    (error,) = body["errors"]
    assert set(error) == {"code", "detail", "attr"}
    found: dict[str, Any] = error
    return found


def post(caller: Client, body: bytes | str, content_type: str = "application/json") -> Any:
    return caller.generic("POST", "/api/priorities", body, content_type=content_type)


@pytest.mark.parametrize(
    "path", ["/api/nothing/here", "//api/priorities", "/api//priorities", "/api/priorities/"]
)
def test_an_unknown_route(caller: Client, path: str) -> None:
    error = error_of(caller.generic("GET", "/", PATH_INFO=path), 404, "client_error")
    assert error == {
        "code": "not_found",
        "detail": "There is no such route. GET /api/schema lists them all.",
        "attr": None,
    }


def test_outside_of_the_api_pages_stay_pages(caller: Client) -> None:
    answer = caller.get("/nothing/here")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_object_that_is_not_there(caller: Client) -> None:
    assert error_of(caller.get("/api/priorities/99"), 404, "client_error")["code"] == "not_found"


def test_an_id_beyond_the_columns_range(caller: Client) -> None:
    error_of(caller.get(f"/api/priorities/{10**40}"), 404, "client_error")


def test_a_method_that_is_not_there(caller: Client) -> None:
    answer = caller.put("/api/priorities/1", "{}", content_type="application/json")
    assert error_of(answer, 405, "client_error")["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == "GET, DELETE, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"]
)
def test_a_body_that_is_not_json(caller: Client, content_type: str) -> None:
    error = error_of(post(caller, b"name=x", content_type), 415, "client_error")
    assert error["code"] == "unsupported_media_type"
    assert error["detail"].endswith(" Send application/json.")


def test_an_answer_that_we_do_not_speak(caller: Client) -> None:
    error_of(caller.get("/api/tasks", headers={"Accept": "application/xml"}), 406, "client_error")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": "x"} trailing',
        b"[]",
        b"null",
        b'"text"',
        b"NaN",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"level": ' + b"9" * 5000 + b"}",
        b'{"level": 1e400}',
        b'{"level": -1e400}',
        b'{"name": "a", "name": "b"}',
        b'{"name": {"x": [{"y": 1, "y": 1}]}}',
        b'\xef\xbb\xbf{"name": "a"}',
        '{"name": "a"}'.encode("utf-16"),
        b'{"name": "\xff\xfe"}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "a\x00b"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"name": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
    ids=lambda body: body[:24],
)
def test_a_malformed_body(caller: Client, body: bytes) -> None:
    assert error_of(post(caller, body), 400, "client_error")["code"] == "parse_error"


@pytest.mark.parametrize("charset", ["bz2_codec", "latin-1", "utf-16", "nonsense"])
def test_another_charset(caller: Client, charset: str) -> None:
    answer = post(caller, b"{}", f"application/json; charset={charset}")
    assert error_of(answer, 415, "client_error")["code"] == "unsupported_media_type"


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
def test_the_one_charset_may_be_named(caller: Client, charset: str) -> None:
    body = '{"name": "Größte", "level": 5, "color": "#000000"}'.encode()
    answer = post(caller, body, f"application/json; charset={charset}")
    assert (answer.status_code, answer.json()["name"]) == (201, "Größte")


def test_a_malformed_body_is_described_without_internals(caller: Client) -> None:
    expected = {
        b'{"level": ' + b"9" * 5000 + b"}": "The body contains a number that is too large.",
        b'{"level": 1e400}': "The body contains 1e400, which cannot be stored as a number.",
        b'{"a": 1, "b": 2, "a": 1}': 'The body contains "a" more than once in the same object.',
        b'{"a": "\xff"}': "The body is not valid UTF-8 at byte 7.",
        b'{"a": ': "The body is not valid JSON: Expecting value: line 1 column 7 (char 6).",
    }
    details = {body: error_of(post(caller, body), 400, "client_error")["detail"] for body in expected}
    assert details == expected


@pytest.mark.parametrize("name", ["\\ud800", "a\\uDFFFb", "\\ud83d\\ud83d"])
def test_half_a_character_is_named(caller: Client, name: str) -> None:
    error = error_of(
        post(caller, f'{{"name": "{name}", "level": 5, "color": "#000000"}}'), 400, "validation_error"
    )
    assert (error["code"], error["attr"]) == ("half_character", "name")


def test_half_a_character_in_a_name_or_deep_inside(caller: Client) -> None:
    error = error_of(post(caller, '{"na\\ud800me": 1}'), 400, "validation_error")
    assert error["attr"] == "na\\ud800me"
    error = error_of(post(caller, '{"name": [{"x": ["\\ud800"]}]}'), 400, "validation_error")
    assert error["attr"] == "name"


def test_a_whole_character_of_two_escapes_passes(caller: Client) -> None:
    answer = post(caller, '{"name": "\\ud83d\\ude00", "level": 5, "color": "#000000"}')
    assert answer.status_code == 201
    assert answer.json()["name"] == "😀"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "a\0b", "null_characters_not_allowed"),
        ("name", {"x": 1}, "invalid"),
        ("name", None, "null"),
        ("name", "x" * 51, "max_length"),
        ("level", 10**30, "max_value"),
        ("level", -(10**30), "min_value"),
        ("level", "many", "invalid"),
        ("level", [1], "invalid"),
        ("level", 1e300, "invalid"),
        ("color", "red", "invalid"),
        ("id", 5, "read_only"),
        ("nam\0e", 5, "unknown_field"),
    ],
)
def test_a_wrong_value_is_named(caller: Client, field: str, value: Any, code: str) -> None:
    body = {"name": "Fifth", "level": 5, "color": "#123456", field: value}
    error = error_of(post(caller, json.dumps(body)), 400, "validation_error")
    assert (error["attr"], error["code"]) == (field, code)
    assert error["detail"]


def test_a_body_beyond_the_limit(caller: Client, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert post(caller, b'{"name": "' + b"x" * 900 + b'"}').status_code == 400
    error = error_of(post(caller, b'{"name": "' + b"x" * 1000 + b'"}'), 413, "client_error")
    assert error == {
        "code": "body_too_large",
        "detail": "The body is too large. The maximum is 1000 bytes.",
        "attr": None,
    }


def test_deleting_what_is_in_use(caller: Client, alice: User) -> None:
    Task.objects.create(user=alice, title="hers", priority_id=2)
    error = error_of(caller.delete("/api/priorities/2"), 409, "client_error")
    assert error["code"] == "in_use"
    assert error["detail"] == "This is in use by tasks. Change those first."
    assert Priority.objects.filter(pk=2).exists()


def test_a_unique_value_taken_between_check_and_write(caller: Client) -> None:
    answer = post(caller, '{"name": "High", "level": 5, "color": "#000000"}')
    assert error_of(answer, 409, "client_error")["code"] == "conflict"


def test_our_own_fault_names_the_request_and_nothing_of_the_inside(caller: Client, alice: User) -> None:
    Task.objects.create(user=alice, title="hers")
    answer = caller.post("/api/write-then/crash", headers={"X-Request-ID": "abc-123"})
    assert error_of(answer, 500, "server_error") == {
        "code": "error",
        "detail": "Internal server error. The log has the details under the request id abc-123.",
        "attr": None,
    }


def test_a_reference_that_went_away_before_the_commit(
    transactional_db: None, caller: Client, alice: User
) -> None:
    Task.objects.create(user=alice, title="hers")
    answer = caller.post("/api/write-then/dangle", content_type="application/json")
    error = error_of(answer, 409, "client_error")
    assert error["code"] == "conflict"


def test_a_host_that_is_not_ours(caller: Client) -> None:
    for path in ("/api/tasks", "/api"):
        answer = caller.get(path, headers={"Host": "evil.example.org"})
        assert error_of(answer, 400, "client_error")["code"] == "parse_error"
    page = caller.get("/admin/", headers={"Host": "evil.example.org"})
    assert (page.status_code, page.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_thousands_of_parameters(caller: Client) -> None:
    answer = caller.get("/api/tasks?" + "&".join(f"p{i}=1" for i in range(2000)))
    assert error_of(answer, 400, "client_error")["code"] == "parse_error"


def test_a_fault_outside_of_a_view_is_json_too(caller: Client, settings: Settings) -> None:
    settings.MIDDLEWARE = ["http_app.request_log.RequestLogMiddleware", "tests.http_app.test_errors.Faulty"]
    error = error_of(caller.get("/api/tasks", headers={"X-Request-ID": "abc-123"}), 500, "server_error")
    assert error == {"code": "error", "detail": ANY, "attr": None}
    assert "abc-123" in error["detail"]
    page = caller.get("/admin/")
    assert page.status_code == 500
    assert page.headers["Content-Type"].startswith("text/html")


class Faulty:
    """A middleware with a fault."""

    def __init__(self, get_response: Any) -> None:
        del get_response

    def __call__(self, request: Any) -> Any:
        raise RuntimeError("the password of the database is hunter2")
