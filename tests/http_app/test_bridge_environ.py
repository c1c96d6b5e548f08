"""The WSGI environ that the bridge makes of a request."""

from typing import Any

import pytest
from pytest_django import Settings

from http_app.bridge.environ import address_of, environ_of, refuse_unreadable, set_body, token_of
from http_app.errors import UnreadableHeader
from tests.http_app.rsgi import Headers, Scope


def environ(*headers: tuple[str, str], **scope: Any) -> dict[str, Any]:
    return environ_of(Scope(Headers(headers), **scope))


@pytest.mark.parametrize(
    ("headers", "key", "value"),
    [
        ([("Accept", "a"), ("Accept", "b")], "HTTP_ACCEPT", "a,b"),
        ([("Cookie", "a=1"), ("Cookie", "b=2")], "HTTP_COOKIE", "a=1;b=2"),
        ([("Content-Type", "text/plain")], "CONTENT_TYPE", "text/plain"),
        ([("X-Forwarded-For", "1"), ("X_Forwarded_For", "2")], "HTTP_X_FORWARDED_FOR", "1"),
        ([("X_forwarded-for", "3")], "HTTP_X_FORWARDED_FOR", None),
        ([("X_Request_ID", "abc")], "HTTP_X_REQUEST_ID", None),
        ([("Content_Length", "3")], "CONTENT_LENGTH", None),
        ([("Host", "todo.example")], "HTTP_HOST", "todo.example"),
        ([], "HTTP_HOST", ""),
    ],
)  # fmt: skip
def test_headers(headers: list[tuple[str, str]], key: str, value: str | None) -> None:
    assert environ(*headers).get(key) == value


def test_an_absolute_target_names_the_host() -> None:
    assert environ(authority="todo.example:80")["HTTP_HOST"] == "todo.example:80"


def test_paths_and_queries_are_bytes_in_latin_1() -> None:
    """PEP 3333."""
    found = environ(path="/é", query_string="q=é")
    assert (found["PATH_INFO"], found["QUERY_STRING"]) == ("/Ã©", "q=Ã©")


@pytest.mark.parametrize(
    ("server", "client", "expected"),
    [
        ("127.0.0.1:80", "192.0.2.7:5", ("127.0.0.1", "80", "192.0.2.7")),
        ("[::1]:80", "[2001:db8::7]:5", ("::1", "80", "2001:db8::7")),
        ("/run/web.sock", "", ("/run/web.sock", "0", "")),
    ],
)
def test_addresses(server: str, client: str, expected: tuple[str, str, str]) -> None:
    found = environ(server=server, client=client)
    assert (found["SERVER_NAME"], found["SERVER_PORT"], found["REMOTE_ADDR"]) == expected


@pytest.mark.parametrize(
    ("proxies", "client", "address"),
    [
        (0, "192.0.2.7:5", "192.0.2.7"),
        (1, "192.0.2.7:5", "198.51.100.2"),
        (2, "192.0.2.7:5", "198.51.100.1"),
        (0, "[2001:db8::7]:5", "2001:db8::/64"),
        (0, "", ""),
    ],
)
def test_the_clients_address_is_the_one_that_the_limits_count(
    settings: Settings, proxies: int, client: str, address: str
) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    forwarded = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "198.51.100.2")]
    forged = ("X_Forwarded_For", "203.0.113.9")
    assert address_of(environ(*forwarded, forged, client=client)) == address


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "  BEARER   abc ", "abc"])
def test_a_token_is_one_caller_however_it_is_sent(header: str) -> None:
    assert token_of(environ(("Authorization", header))) == "abc"


def test_without_a_token_there_is_none() -> None:
    assert token_of(environ()) == ""


@pytest.mark.parametrize("name", ["If-Match", "Idempotency-Key", "Authorization", "Content-Type"])
def test_a_header_that_decides_is_not_left_out(name: str) -> None:
    with pytest.raises(UnreadableHeader, match=f"{name.lower()} may have only ASCII"):
        refuse_unreadable(Headers([(name, '"é"')]))


def test_other_headers_may_have_any_text() -> None:
    headers = Headers([("User-Agent", "é"), ("If-Match", '"1"')])
    refuse_unreadable(headers)


def test_a_chunked_body_has_a_length_once_it_is_read() -> None:
    found = environ(("Transfer-Encoding", "chunked"))
    set_body(found, b"abc")
    assert "HTTP_TRANSFER_ENCODING" not in found
    assert (found["CONTENT_LENGTH"], found["wsgi.input"].read()) == ("3", b"abc")
