"""The open streams of this process, and the one reader that feeds them.

All streams of a user are one feed, which knows how far it has read. A hint says that there is more and, where
it follows on what the feed has, what it is: otherwise one read gets it. Each stream of the feed is given the
same bytes. A hint may be lost; what is read is the truth.
"""

import asyncio
from collections.abc import Iterable

import structlog
from django.conf import settings

from state_store.task_updates import Hint, StateStoreAway, Update, UpdateReader, is_after
from sync_app import messages
from sync_app.metrics import ENDED, OPEN, OPENED, RESETS, UPDATES
from sync_app.refusals import StreamsFull, TooManyStreams
from sync_app.streams import Stream

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0


class Feed:
    """A user's streams here. All of them have been given what stands up to `place`."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.place = ""
        self.streams: set[Stream] = set()
        self.users = 0  # streams, and those that are about to be
        self.lock = asyncio.Lock()
        self.has_news = False
        self.follower: asyncio.Task[None] | None = None


class Hub:
    """Everything in the event loop's thread."""

    def __init__(self, reader: UpdateReader) -> None:
        self._reader = reader
        self._feeds: dict[str, Feed] = {}
        self._open = 0
        self.is_listening = False
        self.is_stopping = False

    async def listen(self) -> None:
        """Follow the hints until cancelled; without the store, until it is back."""
        while True:
            try:
                async for hint in self._reader.hints():
                    self.is_listening = True
                    if hint is None:
                        for feed in list(self._feeds.values()):
                            self._read_soon(feed)
                    elif hint.user_id in self._feeds:
                        self._heed(self._feeds[hint.user_id], hint)
            except Exception as error:  # nobody would see that this task has ended
                self.is_listening = False
                away = isinstance(error, StateStoreAway)
                log.warning("state_store_away" if away else "hints_not_read", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def join(self, stream: Stream, place: str) -> None:
        """Give the stream what came after `place`, then everything; with no place, everything from now on.

        Raises TooManyStreams (429), StreamsFull (503), and StateStoreAway.
        """
        try:
            await self._join(stream, place)
        except BaseException:
            stream.end("refused")
            raise
        OPENED.inc()

    def leave(self, stream: Stream) -> None:
        """The stream's connection is over."""
        stream.end("client_left")
        feed = self._feeds[stream.user_id]
        feed.streams.discard(stream)
        self._forget(feed)
        ENDED.labels(stream.ended).inc()

    def streams(self) -> list[Stream]:
        return [stream for feed in self._feeds.values() for stream in feed.streams]

    def stop(self) -> None:
        """End every stream and open no other."""
        self.is_stopping = True
        for stream in self.streams():
            stream.end("server_stops")

    async def _join(self, stream: Stream, place: str) -> None:
        feed = self._admit(stream)
        try:
            async with feed.lock:
                await self._begin(feed)
                for message in await self._missed(feed, place):
                    stream.put(message)
                feed.streams.add(stream)
        except BaseException:
            self._forget(feed)
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

    def _forget(self, feed: Feed) -> None:
        feed.users -= 1
        self._open -= 1
        OPEN.set(self._open)
        if not feed.users:
            del self._feeds[feed.user_id]

    async def _begin(self, feed: Feed) -> None:
        """The feed stands at the end of what there is."""
        if feed.place:
            await self._read(feed)
        else:
            feed.place = await self._reader.newest(feed.user_id)

    async def _missed(self, feed: Feed, place: str) -> list[bytes]:
        """The first messages of a stream that goes on from `place`, up to where the feed stands."""
        if not place:
            return [messages.ready(feed.place)]
        updates = await self._reader.after(feed.user_id, place)
        if updates is None:
            RESETS.inc()
            return [messages.ready(feed.place), messages.reset(feed.place)]
        # What has come since the feed has read comes to the stream with the feed.
        missed = [update for update in updates if not is_after(update.place, feed.place)]
        UPDATES.inc(len(missed))
        return [messages.ready(place), *_told(missed)]

    def _heed(self, feed: Feed, hint: Hint) -> None:
        # Under its lock somebody reads from the feed's place on: what is given now would come twice.
        if hint.update and feed.place == hint.before and not feed.lock.locked():
            _give_updates(feed, [hint.update])
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
                    if feed.place:  # otherwise nobody has joined, after all
                        await self._read(feed)
            except Exception as error:  # nobody would see that this task has ended
                if not isinstance(error, StateStoreAway):  # which is told once for all feeds
                    log.warning("feed_not_read", user_id=feed.user_id, error=str(error))
                feed.has_news = True
                await asyncio.sleep(RETRY_SECONDS)
        feed.follower = None

    async def _read(self, feed: Feed) -> None:
        """Give the feed's streams what came since; under its lock."""
        updates = await self._reader.after(feed.user_id, feed.place)
        if updates is None:
            feed.place = await self._reader.newest(feed.user_id)
            RESETS.inc(len(feed.streams))
            _give(feed, [messages.reset(feed.place)])
        elif updates:
            _give_updates(feed, updates)


def _told(updates: Iterable[Update]) -> list[bytes]:
    return [messages.update(update.place, update.text) for update in updates]


def _give_updates(feed: Feed, updates: list[Update]) -> None:
    feed.place = updates[-1].place
    UPDATES.inc(len(updates) * len(feed.streams))
    _give(feed, _told(updates))


def _give(feed: Feed, told: list[bytes]) -> None:
    whole = b"".join(told)
    for stream in feed.streams:
        stream.put(whole)
