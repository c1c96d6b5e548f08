"""The relay: takes committed events from the outbox to the broker, in order, one relay at a time.

Two would reorder one task's events. With RELAY_SHARD it is one for each part of the users
(events_app/shards.py).

It keeps no cursor: ids are taken before commit, so "id > last seen" would skip rows forever. It reads the
oldest rows, of each user in turn when it is behind (events_app/turns.py), and deletes those that the broker
has acknowledged.
"""

import threading
from collections.abc import Callable
from time import monotonic

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.backends.utils import CursorWrapper

from database.prepared import prepared_cursor
from events_app.brokers import Broker, InProcessBroker, PublishError
from events_app.liveness import turned
from events_app.metrics import NOT_TAKEN, RELAYED
from events_app.outbox import WakeUp
from events_app.shards import Shard, all_users_have_a_relay
from events_app.turns import Turns

log = structlog.get_logger(__name__)

# A session's lock has no lease: a stopped holder would keep it forever. The server ends a session that is
# silent this long, and a standby takes over. A live relay polls far more often.
SILENCE_SECONDS = 3
STANDBY_POLL_SECONDS = 1.0
# While hints come, a poll only finds events whose hint was lost. Without hints there is only the poll.
POLL_WITH_HINTS_SECONDS = 1.0
SHORTEST_POLL_SECONDS = 0.01
LONGEST_POLL_SECONDS = 0.05
RECONNECT_SECONDS = 1.0
# For so long the handlers work before it is the turn of other users.
BATCH_SECONDS = 0.25
# On a stop, what is in flight has this long to be acknowledged.
DRAIN_SECONDS = 5


_TAKEN = "DELETE FROM outbox_events WHERE id = ANY(%s)"


class StopRequested(Exception):  # noqa: N818 - no error
    """The relay is to stop while it waits for the broker."""


def broker_of_settings() -> Broker:
    """A Dapr sidecar if DAPR has `publish`, Kafka if KAFKA_BOOTSTRAP_SERVERS names one, else this process."""
    if "publish" in settings.DAPR:
        from events_app.sidecar import SidecarBroker

        return SidecarBroker()
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return InProcessBroker(batch_seconds=BATCH_SECONDS)
    from events_app.kafka import KafkaBroker  # librdkafka is not loaded where it is not used

    return KafkaBroker()


def relay_batch(
    broker: Broker, *, turns: Turns | None = None, waiting: Callable[[], None] = lambda: None
) -> int:
    """Take one batch to the broker; how many events left the outbox."""
    turns = turns or Turns()
    with prepared_cursor() as cursor:
        rows = turns.next_rows(cursor, broker.batch_size)
        if not rows:
            return 0
        taken = broker.publish_rows(rows, waiting=waiting)
        turns.is_behind |= taken < len(rows)
        cursor.execute(_TAKEN, [[row.id for row in rows[:taken]]])
    RELAYED.inc(taken)
    return taken


class Relay:
    """The loop around `relay_batch`: lock, poll or be woken, stop."""

    def __init__(self, broker: Broker, shard: Shard | None = None) -> None:
        self.broker = broker
        self.shard = shard or Shard()
        self.turns = Turns(self.shard)
        self.stopping = threading.Event()
        self.stop_by = float("inf")
        self.active = False
        self.poll = SHORTEST_POLL_SECONDS
        self.hears_hints = False
        self._lost_hints = False
        self._woken = threading.Event()
        self._may_be_woken = False

    def run(self) -> None:
        """Relay until `stop` is called; the batch in hand is finished first."""
        while not self.stopping.is_set():
            self.sleep(self.guarded_step())
        connection.close()

    def stop(self) -> None:
        """Have `run` return. May be called from a signal handler and from any thread."""
        self.stop_by = monotonic() + DRAIN_SECONDS
        self.stopping.set()
        self._woken.set()

    def hear(self, wake_up: WakeUp) -> None:
        """Let hints wake the relay until it stops. For a thread of its own; raises when no hints can come."""
        try:
            for hint in wake_up.hints():
                turned("wake_up")
                if self._lost_hints:
                    log.info("relay_hears_hints")
                self.hears_hints, self._lost_hints = True, False
                if hint:
                    self._woken.set()
                if self.stopping.is_set():
                    return
        finally:
            self.hears_hints, self._lost_hints = False, True
            self._woken.set()  # it may be asleep for as long as hints allow

    def sleep(self, seconds: float) -> None:
        """Until a hint comes, at most this long. A standby and a relay in trouble sleep for all of it."""
        if self._may_be_woken:
            self._woken.wait(seconds)
            self._woken.clear()
        else:
            self.stopping.wait(seconds)

    def step(self) -> float:
        """One turn; the seconds to wait before the next."""
        self._may_be_woken = False
        if not self.active:
            self.active = self._take_locks()
        if not self.active:
            return STANDBY_POLL_SECONDS
        taken = relay_batch(self.broker, turns=self.turns, waiting=self._still_ours)
        self._may_be_woken = True
        if self.turns.is_behind:
            return 0
        if self.hears_hints:
            return POLL_WITH_HINTS_SECONDS
        # To poll at once after a few events would cost a whole turn for each of the next few.
        self.poll = SHORTEST_POLL_SECONDS if taken else min(self.poll * 1.5, LONGEST_POLL_SECONDS)
        return self.poll

    def guarded_step(self) -> float:
        """`step`, where a lost database is a reason to wait, not to end."""
        turned("relay")
        try:
            return self.step()
        except (OperationalError, InterfaceError) as error:
            # The lock is gone with the session: take it again before anything is published.
            log.warning("relay_lost_the_database", error=str(error))
            self.active = False
            connection.close()
            return RECONNECT_SECONDS
        except PublishError as error:
            NOT_TAKEN.inc()
            log.error("broker_refuses", error=str(error))
            return RECONNECT_SECONDS
        except StopRequested:
            return 0

    def _take_locks(self) -> bool:
        with connection.cursor() as cursor:
            _end_when_silent(cursor)
            taken = self.shard.try_lock(cursor)
        if taken:
            log.info("relay_active", shard=f"{self.shard.number}/{self.shard.count}")
        return taken

    def _still_ours(self) -> None:
        """While the broker is away: use the session, or the server would end it for its silence."""
        turned("relay")
        if monotonic() > self.stop_by:
            raise StopRequested
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")


def _end_when_silent(cursor: CursorWrapper) -> None:
    for setting in ("idle_session_timeout", "idle_in_transaction_session_timeout"):
        cursor.execute(f"SET {setting} = '{SILENCE_SECONDS}s'")


def relay_is_active() -> bool:
    """Whether relays hold the locks of every user."""
    with connection.cursor() as cursor:
        return all_users_have_a_relay(cursor)
