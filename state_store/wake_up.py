"""A hint by pub/sub that wakes the relay. It may be lost: the relay also polls."""

from collections.abc import Iterator

from redis.exceptions import RedisError

from state_store import keys
from state_store.client import send_without_reply, store
from state_store.pause import Pause

# A listener that has heard nothing for this long asks whether the store is still there, once.
SILENCE_SECONDS = 5.0
# How long a listener takes to notice that it is to stop.
_TURN_SECONDS = 0.25


class WakeUp:
    """What settings.EVENT_WAKE_UP names, so that events_app need not know Redis."""

    pause = Pause()  # shared by all threads

    def send(self) -> None:
        """Publish a hint without waiting, unless the store failed in the last PAUSE_SECONDS. No errors."""
        self.pause.ask(lambda: send_without_reply("PUBLISH", keys.RELAY_HINTS, ""), RedisError)

    def hints(self) -> Iterator[bool]:
        """Listen: True when a hint has come, or may have been missed; False each time none has, for a moment.

        The first is True, once it listens. Raises RedisError when the store is away, ConnectionError when it
        has fallen silent.
        """
        turns_to_ask = int(SILENCE_SECONDS / _TURN_SECONDS)
        silent_turns = 0
        with store().pubsub() as pubsub:  # type: ignore[no-untyped-call]
            pubsub.subscribe(keys.RELAY_HINTS)
            while True:
                message = pubsub.get_message(timeout=_TURN_SECONDS)
                silent_turns = 0 if message else silent_turns + 1
                if silent_turns == turns_to_ask:
                    pubsub.ping()
                elif silent_turns > 2 * turns_to_ask:
                    raise ConnectionError("The state store has fallen silent.")
                yield message is not None and message["type"] != "pong"
