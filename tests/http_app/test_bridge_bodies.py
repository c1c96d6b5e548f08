"""The bodies that the bridge reads: whole, within bounds of bytes, of time, and of each address."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

import pytest
from rest_framework.exceptions import APIException

from http_app.bridge import bodies
from http_app.bridge.bodies import Bodies, Body, Limits
from http_app.errors import BodyTimeout, BodyTooLarge, IncompleteBody, Overloaded, TooManyAtOnce
from tests.http_app.rsgi import Headers, Protocol

LIMITS = Limits(bytes_each=10, seconds_each=60, slow_each=2, bytes_together=80)
CHUNKED = Headers([("Transfer-Encoding", "chunked")])
SILENT = [b"ab", None]


def sized(length: int) -> Headers:
    return Headers([("Content-Length", str(length))])


def body(
    headers: Headers, chunks: Sequence[bytes | None], of: Bodies | None = None, address: str = "alice's"
) -> Body:
    found = (of or Bodies(LIMITS)).of(headers, Protocol(chunks), address)
    assert found
    return found


async def error_of(reading: Coroutine[Any, Any, Any]) -> type[Exception] | None:
    try:
        await reading
    except APIException as error:
        return type(error)
    return None


@pytest.mark.parametrize("headers", [Headers([]), sized(0), Headers([("Content-Length", "")])])
def test_no_body(headers: Headers) -> None:
    assert Bodies(LIMITS).of(headers, Protocol(), "alice's") is None


@pytest.mark.parametrize(
    ("headers", "chunks", "outcome"),
    [
        (sized(4), [b"abcd"], b"abcd"),
        (sized(4), [b"ab", b"cd"], b"abcd"),
        (sized(10), [b"x" * 10], b"x" * 10),
        (sized(11), [], BodyTooLarge),
        (sized(4), [b"ab"], IncompleteBody),
        (sized(4), [b"ab", b"", b""], IncompleteBody),
        (CHUNKED, [b"ab", b"cd"], b"abcd"),
        (CHUNKED, [], b""),
        (CHUNKED, [b"x" * 6, b"x" * 6], BodyTooLarge),
        (CHUNKED, [b"ab", b""], IncompleteBody),  # an error is one more empty chunk, and so are trailers
    ],
)
def test_a_body_is_whole_or_refused(
    headers: Headers, chunks: Sequence[bytes], outcome: bytes | type[APIException]
) -> None:
    read = body(headers, chunks).read()
    if isinstance(outcome, bytes):
        assert asyncio.run(read) == outcome
    else:
        assert asyncio.run(error_of(read)) is outcome


def test_a_body_that_does_not_come_in_time() -> None:
    dripping = body(sized(4), SILENT, of=Bodies(replace(LIMITS, seconds_each=0)))
    assert asyncio.run(error_of(dripping.read())) is BodyTimeout
    assert not dripping.is_worth_reading


def test_slow_bodies_of_an_address_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SLOW_AFTER_SECONDS", 0)
    all_bodies = Bodies(replace(LIMITS, seconds_each=0.5))  # all come while the first are read

    async def send(address: str) -> type[Exception] | None:
        return await error_of(body(sized(4), SILENT, of=all_bodies, address=address).read())

    async def send_all() -> list[type[Exception] | None]:
        return await asyncio.gather(*[send("mallory's") for _ in range(4)], send("alice's"))

    slow, refused = BodyTimeout, TooManyAtOnce
    assert asyncio.run(send_all()) == [slow, slow, refused, refused, slow]
    # What was slow counts no more.
    assert asyncio.run(send_all()) == [slow, slow, refused, refused, slow]


def test_bodies_that_come_at_once_are_not_slow() -> None:
    all_bodies = Bodies(LIMITS)

    async def send_all() -> None:
        await asyncio.gather(*(body(sized(1), [b"x"], of=all_bodies).read() for _ in range(20)))

    asyncio.run(send_all())


def test_an_address_may_have_a_quarter_of_the_memory_and_all_together_all_of_it() -> None:
    all_bodies = Bodies(LIMITS)

    async def send_all() -> list[type[Exception] | None]:
        addresses = [*["mallory's"] * 3, *"aabbccd"]
        return [
            await error_of(body(sized(10), [b"x" * 10], of=all_bodies, address=address).read())
            for address in addresses
        ]

    found = asyncio.run(send_all())
    assert found == [None, None, TooManyAtOnce, None, None, None, None, None, Overloaded, Overloaded]


def test_released_memory_is_free_again() -> None:
    all_bodies = Bodies(LIMITS)

    async def send() -> None:
        large = body(sized(10), [b"x" * 10], of=all_bodies)
        await large.read()
        large.release()

    for _ in range(10):
        asyncio.run(send())


def test_what_is_left_of_a_body_is_read_to_its_end() -> None:
    """The client is still sending, and would see a broken pipe instead of the 413."""
    protocol = Protocol([b"x" * 20, b"x" * 20, b"the next request"])
    large = Bodies(LIMITS).of(sized(40), protocol, "alice's")
    assert large

    async def refuse() -> bytes:
        assert await error_of(large.read()) is BodyTooLarge
        assert large.is_worth_reading
        await large.discard()
        return await anext(protocol)

    assert asyncio.run(refuse()) == b"the next request"


@pytest.mark.parametrize("headers", [sized(2), CHUNKED])
def test_of_a_body_that_is_whole_nothing_is_left(headers: Headers) -> None:
    """Its request may still be refused, when too many of the caller's wait."""
    whole = body(headers, [b"ab"])

    async def read_and_discard() -> None:
        await whole.read()
        await whole.discard()

    asyncio.run(read_and_discard())
    whole.release()


@pytest.mark.parametrize(
    ("name", "chunks"), [("MOST_DISCARDED_BYTES", [b"x"] * 40), ("LONGEST_DISCARD_SECONDS", SILENT)]
)
def test_an_enormous_or_slow_rest_is_left(
    monkeypatch: pytest.MonkeyPatch, name: str, chunks: Sequence[bytes | None]
) -> None:
    monkeypatch.setattr(bodies, name, 0)
    asyncio.run(body(sized(40), chunks).discard())
