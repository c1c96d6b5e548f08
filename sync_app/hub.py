"""The open streams of this process, and the reader that feeds them.

All streams of a user share one feed, which knows the last entry it has read. A hint says that there is a new
entry. If the hint includes it and it directly follows the last one, the feed passes it on; otherwise the feed
reads. Hints may be lost: reading finds every entry.
"""

import asyncio
from collections.abc import Iterable

import structlog
from django.conf import settings

from state_store.task_updates import Hint, StateStoreUnavailable, Update, UpdateReader, is_after
from sync_app import messages
from sync_app.exceptions import StreamsFull, TooManyStreams
from sync_app.metrics import ENDED, OPEN, OPENED, RESETS, UPDATES
from sync_app.streams import Stream

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0


class Feed:
    """A user's streams in this process. All of them have received the entries up to `last_id`."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.last_id = ""
        self.streams: set[Stream] = set()
        self.users = 0  # streams, and those that are joining
        self.lock = asyncio.Lock()
        self.has_news = False
        self.follower: asyncio.Task[None] | None = None

    def send_updates(self, updates: list[Update]) -> None:
        self.last_id = updates[-1].entry_id
        UPDATES.inc(len(updates) * len(self.streams))
        self.send(b"".join(_messages_of(updates)))

    def send(self, message: bytes) -> None:
        for stream in self.streams:
            stream.put(message)


class Hub:
    """Used only in the thread of the event loop."""

    def __init__(self, reader: UpdateReader) -> None:
        self._reader = reader
        self._feeds: dict[str, Feed] = {}
        self._open = 0
        self.is_listening = False
        self.is_stopping = False

    async def listen(self) -> None:
        """Follow the hints until cancelled. While the state store is unavailable, try again."""
        while True:
            try:
                async for hint in self._reader.hints():
                    self.is_listening = True
                    if hint is None:
                        for feed in list(self._feeds.values()):
                            self._read_soon(feed)
                    elif hint.user_id in self._feeds:
                        self._follow_hint(self._feeds[hint.user_id], hint)
            except Exception as error:  # this task must not end unnoticed
                self.is_listening = False
                is_known = isinstance(error, StateStoreUnavailable)
                log.warning("state_store_away" if is_known else "hints_not_read", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def join(self, stream: Stream, last_event_id: str) -> None:
        """Send the stream the entries after `last_event_id`, then new ones. Without an id, only new ones.

        Raises TooManyStreams (429), StreamsFull (503), and StateStoreUnavailable.
        """
        try:
            await self._join(stream, last_event_id)
        except BaseException:
            stream.end("refused")
            raise
        OPENED.inc()

    def leave(self, stream: Stream) -> None:
        """Remove the stream after its connection has ended."""
        stream.end("client_left")
        feed = self._feeds[stream.user_id]
        feed.streams.discard(stream)
        self._release(feed)
        ENDED.labels(stream.ended).inc()

    def streams(self) -> list[Stream]:
        return [stream for feed in self._feeds.values() for stream in feed.streams]

    def stop(self) -> None:
        """End every stream and accept no other."""
        self.is_stopping = True
        for stream in self.streams():
            stream.end("server_stops")

    async def _join(self, stream: Stream, last_event_id: str) -> None:
        feed = self._admit(stream)
        try:
            async with feed.lock:
                if feed.last_id:
                    await self._read(feed)
                else:
                    feed.last_id = await self._reader.newest(feed.user_id)
                for message in await self._first_messages(feed, last_event_id):
                    stream.put(message)
                feed.streams.add(stream)
        except BaseException:
            self._release(feed)
            raise

    def _admit(self, stream: Stream) -> Feed:
        if self.is_stopping or self._open >= settings.STREAM_CONNECTIONS:
            raise StreamsFull
        feed = self._feeds.get(stream.user_id) or Feed(stream.user_id)
        if feed.users >= settings.STREAM_CONNECTIONS_PER_USER:
            raise TooManyStreams
        self._feeds[stream.user_id] = feed
        feed.users += 1
        self._open += 1
        OPEN.set(self._open)
        return feed

    def _release(self, feed: Feed) -> None:
        feed.users -= 1
        self._open -= 1
        OPEN.set(self._open)
        if not feed.users:
            del self._feeds[feed.user_id]

    async def _first_messages(self, feed: Feed, last_event_id: str) -> list[bytes]:
        """The messages that bring a new stream to the feed's last entry."""
        if not last_event_id:
            return [messages.ready(feed.last_id)]
        updates = await self._reader.after(feed.user_id, last_event_id)
        if updates is None:
            RESETS.inc()
            return [messages.ready(feed.last_id), messages.reset(feed.last_id)]
        # The feed will send the entries after its last one.
        missed = [update for update in updates if not is_after(update.entry_id, feed.last_id)]
        UPDATES.inc(len(missed))
        return [messages.ready(last_event_id), *_messages_of(missed)]

    def _follow_hint(self, feed: Feed, hint: Hint) -> None:
        # While the lock is held, a read is in progress and would send the entry a second time.
        if hint.update and feed.last_id == hint.before and not feed.lock.locked():
            feed.send_updates([hint.update])
        else:
            self._read_soon(feed)

    def _read_soon(self, feed: Feed) -> None:
        feed.has_news = True
        if feed.follower is None:
            feed.follower = asyncio.create_task(self._follow(feed))

    async def _follow(self, feed: Feed) -> None:
        while feed.has_news and feed.users:
            feed.has_news = False
            try:
                async with feed.lock:
                    if feed.last_id:  # empty until the first stream has joined
                        await self._read(feed)
            except Exception as error:  # this task must not end unnoticed
                if not isinstance(error, StateStoreUnavailable):  # `listen` logs that once for all feeds
                    log.warning("feed_not_read", user_id=feed.user_id, error=str(error))
                feed.has_news = True
                await asyncio.sleep(RETRY_SECONDS)
        feed.follower = None

    async def _read(self, feed: Feed) -> None:
        """Send the feed's streams the new entries. The caller holds the feed's lock."""
        updates = await self._reader.after(feed.user_id, feed.last_id)
        if updates is None:
            feed.last_id = await self._reader.newest(feed.user_id)
            RESETS.inc(len(feed.streams))
            feed.send(messages.reset(feed.last_id))
        elif updates:
            feed.send_updates(updates)


def _messages_of(updates: Iterable[Update]) -> list[bytes]:
    return [messages.update(update.entry_id, update.text) for update in updates]
