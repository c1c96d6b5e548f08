"""The hub: rejected streams leave nothing behind, failed reads end no feed, and hints save reads."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from state_store.task_updates import Hint, Update
from sync_app import hub as hub_module
from sync_app.access import Grant
from sync_app.exceptions import StreamsFull
from sync_app.hub import Hub
from sync_app.streams import Stream


class Reader:
    """A state store with one update, whose first hint and first read fail."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.reads = self.asked = 0

    async def newest(self, _user_id: str) -> str:
        return "1-0"

    async def after(self, _user_id: str, _entry_id: str) -> list[Update]:
        self.reads += 1
        if self.reads == 1:
            raise ZeroDivisionError
        return [Update("2-0", "{}")]

    async def hints(self) -> AsyncIterator[Hint]:
        self.asked += 1
        if self.asked == 1:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a hint that is none")
        yield Hint(self.user_id)
        await asyncio.Event().wait()


def grant() -> Grant:
    ends_at = timezone.now() + timedelta(hours=1)
    return Grant(user_id=uuid4(), ends_at=ends_at, api_token_id=None, password_digest="")


def test_a_refused_stream_has_ended(settings: Settings) -> None:
    """Otherwise its timer would keep it in memory until its token expires."""
    settings.STREAM_CONNECTIONS = 0

    async def refused() -> Stream:
        stream, nothing = Stream(grant()), Any
        with pytest.raises(StreamsFull):
            await Hub(nothing).join(stream, "")  # type: ignore[arg-type]
        return stream

    assert asyncio.run(refused()).ended == "refused"


def test_hints_and_reads_that_fail_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "RETRY_SECONDS", 0)

    async def received() -> bytes:
        stream = Stream(grant())
        hub = Hub(Reader(stream.user_id))  # type: ignore[arg-type]
        await hub.join(stream, "")
        listening = asyncio.create_task(hub.listen())
        chunks = stream.chunks()
        said = await anext(chunks) + await anext(chunks)
        listening.cancel()
        return said

    assert b"id: 2-0" in asyncio.run(asyncio.wait_for(received(), 10))


TWO, THREE = Update("2-0", '"two"'), Update("3-0", '"three"')


class Entries:
    """A state store with two updates, announced by the given hints; a read lasts until `go_on` is set."""

    def __init__(self, *hints: Hint) -> None:
        self.announced = hints
        self.reads: list[str] = []
        self.go_on = asyncio.Event()

    async def newest(self, _user_id: str) -> str:
        return "1-0"

    async def after(self, _user_id: str, entry_id: str) -> list[Update]:
        self.reads.append(entry_id)
        await self.go_on.wait()
        return [one for one in (TWO, THREE) if one.entry_id > entry_id]

    async def hints(self) -> AsyncIterator[Hint]:
        for hint in self.announced:
            yield hint
            await asyncio.sleep(0)  # a read has begun
        self.go_on.set()
        await asyncio.Event().wait()


def given(*hints: tuple[str, Update | None]) -> tuple[bytes, list[str]]:
    """What one stream was given, and the ids that were read from."""

    async def received() -> tuple[bytes, list[str]]:
        stream = Stream(grant())
        reader = Entries(*[Hint(stream.user_id, before, update) for before, update in hints])
        hub = Hub(reader)  # type: ignore[arg-type]
        await hub.join(stream, "")
        listening = asyncio.create_task(hub.listen())
        chunks, said = stream.chunks(), b""
        while b"id: 3-0" not in said:
            said += await anext(chunks)
        for _ in range(10):  # a repeated update would arrive now
            await asyncio.sleep(0)
        stream.put(b"the end")
        said += await anext(chunks)
        listening.cancel()
        return said, reader.reads

    return asyncio.run(asyncio.wait_for(received(), 10))


def test_what_follows_on_what_the_feed_has_is_not_read() -> None:
    said, reads = given(("1-0", TWO), ("2-0", THREE))
    assert (said.count(b"id: 2-0"), said.count(b"id: 3-0")) == (1, 1)
    assert reads == []


def test_what_follows_on_something_else_is_read() -> None:
    said, reads = given(("2-0", THREE))
    assert (said.count(b"id: 2-0"), said.count(b"id: 3-0")) == (1, 1)
    assert reads == ["1-0"]


def test_a_hint_without_its_update_is_read() -> None:
    said, reads = given(("", None))
    assert (said.count(b"id: 2-0"), said.count(b"id: 3-0")) == (1, 1)
    assert reads == ["1-0"]


def test_what_is_being_read_is_not_given_twice() -> None:
    said, reads = given(("", None), ("1-0", TWO), ("2-0", THREE))
    assert (said.count(b"id: 2-0"), said.count(b"id: 3-0")) == (1, 1)
    assert reads[0] == "1-0"
