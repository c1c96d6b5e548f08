"""The hub: who is refused leaves nothing behind, and what goes wrong in a read ends no feed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from state_store.task_updates import Update
from sync_app import hub as hub_module
from sync_app.access import Grant
from sync_app.hub import Hub
from sync_app.refusals import StreamsFull
from sync_app.streams import Stream


class Reader:
    """A state store with one update, whose first hints and first read go wrong."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.reads = self.asked = 0

    async def newest(self, _user_id: str) -> str:
        return "1-0"

    async def after(self, _user_id: str, _place: str) -> list[Update]:
        self.reads += 1
        if self.reads == 1:
            raise ZeroDivisionError
        return [Update("2-0", "{}")]

    async def hints(self) -> AsyncIterator[str]:
        self.asked += 1
        if self.asked == 1:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a hint that is none")
        yield self.user_id
        await asyncio.Event().wait()


def grant() -> Grant:
    ends_at = timezone.now() + timedelta(hours=1)
    return Grant(user_id=uuid4(), ends_at=ends_at, api_token_id=None, password_mark="")


def test_a_refused_stream_has_ended(settings: Settings) -> None:
    """Its timer would hold it until its token ends."""
    settings.STREAM_CONNECTIONS = 0

    async def refused() -> Stream:
        stream, nothing = Stream(grant()), Any
        with pytest.raises(StreamsFull):
            await Hub(nothing).join(stream, "")  # type: ignore[arg-type]
        return stream

    assert asyncio.run(refused()).ended == "refused"


def test_hints_and_reads_that_fail_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "RETRY_SECONDS", 0)

    async def told() -> bytes:
        stream = Stream(grant())
        hub = Hub(Reader(stream.user_id))  # type: ignore[arg-type]
        await hub.join(stream, "")
        listening = asyncio.create_task(hub.listen())
        chunks = stream.chunks()
        said = await anext(chunks) + await anext(chunks)
        listening.cancel()
        return said

    assert b"id: 2-0" in asyncio.run(asyncio.wait_for(told(), 10))
