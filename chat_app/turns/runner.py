"""The turns that run in this process: who may begin one, their leases, and how they stop."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from rest_framework.exceptions import APIException

from chat_app.exceptions import AssistantFull, TooManyTurns, TurnCancelled, TurnInterrupted
from chat_app.language_models import LanguageModel, ModelRefusesUs, model_name
from chat_app.metrics import RUNNING, SECONDS
from chat_app.models import Turn
from chat_app.threads import DatabaseThreads, LoopThread
from chat_app.turns.beginning import Begun
from chat_app.turns.ending import fail, renew_leases
from chat_app.turns.loop import Event, Tell, run
from chat_app.turns.steps import TurnOver
from http_app.errors import InternalError, unavailable

log = structlog.get_logger(__name__)

# How soon a turn notices that it was cancelled.
WATCH_SECONDS = 1.0
STOP_SECONDS = 2.0


@dataclass
class Place:
    """A place for a turn of this user, until it is given back."""

    user_id: UUID
    give_back: Callable[["Place"], None]
    is_taken: bool = True

    def leave(self) -> None:
        if self.is_taken:
            self.is_taken = False
            self.give_back(self)


@dataclass
class _Running:
    begun: Begun
    tell: Tell
    place: Place
    task: "asyncio.Task[None] | None" = None
    began: float = field(default_factory=time.monotonic)


class Runner:
    """Belongs to the process that made it. Its threads start with the first turn."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._places: Counter[UUID] = Counter()
        self._turns: dict[UUID, _Running] = {}
        self._loop: LoopThread | None = None
        self._database: DatabaseThreads | None = None
        self._model: LanguageModel | None = None
        self._model_lock = asyncio.Lock()
        self._process = os.getpid()
        self.is_stopping = False

    @property
    def database(self) -> DatabaseThreads:
        with self._lock:
            self._database = self._database or DatabaseThreads(settings.ASSISTANT_THREADS, "assistant")
            return self._database

    def take_place(self, user_id: UUID) -> Place:
        """Raises AssistantFull (503), TooManyTurns (429)."""
        with self._lock:
            if self.is_stopping or self._places.total() >= settings.ASSISTANT_TURNS:
                raise AssistantFull
            if self._places[user_id] >= settings.ASSISTANT_TURNS_PER_USER:
                raise TooManyTurns
            self._places[user_id] += 1
            RUNNING.set(self._places.total())
        return Place(user_id, self._give_back)

    def start(self, begun: Begun, place: Place, tell: Tell) -> None:
        """Run a turn that has begun. It goes on whether or not someone follows it.

        `tell` is called in another thread; the last event is `done` or `error`.
        """
        running = _Running(begun, tell, place)
        self._turns[begun.turn_id] = running
        self._thread().submit(self._run(running))

    def stop(self) -> None:
        """Begin no other turn, and end those that run: their clients can send the message again."""
        self.is_stopping = True
        if self._loop:
            self._loop.submit(self._stop()).result(STOP_SECONDS * 2)

    def close(self) -> None:
        """Stop, and end the threads."""
        self.stop()
        if self._loop:
            self._loop.close()
        if self._database:
            self._database.close()

    def _thread(self) -> LoopThread:
        with self._lock:
            assert self._process == os.getpid(), "a runner does not outlive a fork"
            if self._loop is None:
                self._loop = LoopThread()
                self._loop.submit(self._watch())
            return self._loop

    async def _run(self, running: _Running) -> None:
        running.task, begun = asyncio.current_task(), running.begun
        with structlog.contextvars.bound_contextvars(
            turn_id=str(begun.turn_id), conversation_id=str(begun.conversation_id), user_id=str(begun.user.pk)
        ):
            try:
                running.tell(await self._outcome(running))
            finally:
                # After an error its client may have begun it again already.
                if self._turns.get(begun.turn_id) is running:
                    del self._turns[begun.turn_id]
                running.place.leave()
                SECONDS.observe(time.monotonic() - running.began)

    async def _outcome(self, running: _Running) -> Event:
        try:
            result = await run(running.begun, await self._get_model(), self.database, running.tell)
        except asyncio.CancelledError:  # of `_watch` or `_stop`
            error: APIException = TurnInterrupted() if self.is_stopping else TurnCancelled()
        except TurnOver:
            error = TurnCancelled()
        except APIException as failure:
            error = failure
        except DatabaseError as failure:
            error = unavailable(failure) or _unexpected(failure)
        except Exception as failure:
            error = _unexpected(failure)
        else:
            log.info("turn_ended", state=result["state"], steps=len(result["actions"]))
            return Event("done", result)
        log.info("turn_failed", code=error.get_codes())
        # From here on nothing cancels it: `_watch` may see the failure before its client has the answer.
        running.task = None
        if not isinstance(error, TurnCancelled):
            await self._fail(running.begun, error)
        return Event("error", {"error": error})

    async def _fail(self, begun: Begun, error: APIException) -> None:
        turns = Turn.objects.filter(pk=begun.turn_id, started_at=begun.started_at)
        try:
            await self.database.run(fail, turns, error)
        except DatabaseError as failure:  # its lease passes
            log.warning("turn_not_ended", error=str(failure))

    async def _get_model(self) -> LanguageModel:
        async with self._model_lock:
            if self._model is None:
                # In a thread: importing a provider's library takes seconds.
                self._model = await asyncio.to_thread(create_model)
            return self._model

    async def _watch(self) -> None:
        """Keep the leases of the turns, and stop those that were cancelled or taken over."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not self._turns:
                continue
            try:
                stopped = await self.database.run(renew_leases, list(self._turns))
            except Exception as error:  # this task must not end
                log.warning("leases_not_renewed", error=str(error))
                continue
            for turn_id in stopped:
                running = self._turns.get(turn_id)
                if running and running.task:
                    running.task.cancel()

    async def _stop(self) -> None:
        tasks = [running.task for running in self._turns.values() if running.task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        if self._model:
            with suppress(Exception):
                await self._model.close()

    def _give_back(self, place: Place) -> None:
        with self._lock:
            self._places[place.user_id] -= 1
            self._places += Counter()  # without the zeros
            RUNNING.set(self._places.total())


def create_model() -> LanguageModel:
    """The language model of the settings. Raises ModelRefusesUs (503) if they name none that can be used."""
    name = model_name()
    if name == "offline":
        from chat_app.offline.model import OfflineModel

        return OfflineModel()
    try:
        from chat_app.provider import ProviderModel

        return ProviderModel(name)
    except Exception as error:  # an unknown provider, no key, or a package that is not installed
        log.exception("model_not_created", model=name)
        raise ModelRefusesUs from error


def _unexpected(error: Exception) -> APIException:
    log.error("turn_failed_unexpectedly", exc_info=error)
    return InternalError(str(structlog.contextvars.get_contextvars().get("request_id", "")))
