"""Publishing through a Dapr sidecar: a broker like any other, except that it makes no tombstones.

An event is taken when the sidecar has answered 204: Kafka has acknowledged it then. The events of a key are
sent one after another, those of different keys at the same time.
Source: Dapr 1.18, pub/sub API reference and its Kafka component.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event as Signal
from typing import NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from urllib3 import HTTPConnectionPool, Retry, Timeout
from urllib3.exceptions import HTTPError

from events_app.brokers import PublishError
from events_app.envelope import Event, OutboxRow, to_wire

# While answers are waited for, the relay uses its session this often.
TURN_SECONDS = 0.5
# At most so many are sent again after a kill.
PUBLISH_BATCH = 200
# As many keys at the same time.
SENDERS = 8
_HEADERS = {"Content-Type": "application/cloudevents+json"}
_LONGEST_ANSWER = 300


class _Outgoing(NamedTuple):
    topic: str
    key: str
    value: str


class Sidecar:
    """The HTTP client of this process's sidecar; for several threads."""

    def __init__(self) -> None:
        self._pool = HTTPConnectionPool(
            "127.0.0.1",
            settings.DAPR_HTTP_PORT,
            maxsize=SENDERS,
            timeout=Timeout(settings.DAPR_TIMEOUT_SECONDS),
            retries=Retry(0, redirect=False),
        )

    def publish(self, topic: str, value: bytes, metadata: Mapping[str, str]) -> str:
        """Publish a CloudEvent; why it was not taken, empty if it was.

        Each of `metadata` becomes a header of the message; `partitionKey` is its key, and with `rawPayload`
        the value need not be a CloudEvent.
        """
        query = urlencode({f"metadata.{name}": text for name, text in metadata.items()})
        path = f"/v1.0/publish/{settings.DAPR_PUBSUB}/{topic}?{query}"
        headers = _HEADERS | ({"dapr-api-token": token} if (token := settings.DAPR_API_TOKEN) else {})
        try:
            answer = self._pool.request("POST", path, body=value, headers=headers)
        except HTTPError as error:
            return f"The sidecar does not answer: {error}"
        if answer.status == 204:
            return ""
        return (
            f"The sidecar answered {answer.status}: {answer.data[:_LONGEST_ANSWER].decode(errors='replace')}"
        )


class SidecarBroker:
    """Publishes by HTTP to the sidecar of this process, to the component that DAPR_PUBSUB names."""

    batch_size = PUBLISH_BATCH

    def __init__(self) -> None:
        self._sidecar = Sidecar()
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="sidecar")
        self._is_refused = False

    def publish(self, events: Sequence[Event], *, waiting: Callable[[], None]) -> int:
        """How many events, from the first on, the sidecar has taken: all, or those before a failure.

        Calls `waiting` twice a second. Raises PublishError if the first event fails, also when the sidecar
        does not answer: the caller waits a moment then.
        """
        dumped = [json.dumps(to_wire(event), separators=(",", ":")) for event in events]
        return self._publish(
            [_Outgoing(event.topic, event.key, text) for event, text in zip(events, dumped, strict=True)],
            waiting,
        )

    def publish_rows(self, rows: Sequence[OutboxRow], *, waiting: Callable[[], None]) -> int:
        """The same with the rows that hold the events."""
        return self._publish([_Outgoing(row.topic, row.key, row.wire_text()) for row in rows], waiting)

    def _publish(self, events: Sequence[_Outgoing], waiting: Callable[[], None]) -> int:
        if self._is_refused:  # the others of its batch would be sent again with each attempt
            events = events[:1]
        failures: dict[int, str] = {}
        self._send_all(events, failures, waiting)
        self._is_refused = 0 in failures
        if self._is_refused:
            raise PublishError(f"{failures[0]}; {events[0].topic}: {events[0].value[:200]}")
        return min(failures, default=len(events))

    def _send_all(
        self, events: Sequence[_Outgoing], failures: dict[int, str], waiting: Callable[[], None]
    ) -> None:
        """Send them, and note for each that was not taken why not. After a failure no more are begun."""
        of_key: dict[str, list[int]] = {}
        for position, event in enumerate(events):
            of_key.setdefault(event.key, []).append(position)
        stop = Signal()

        def send(positions: list[int]) -> None:
            for position in positions:
                reason = "not begun" if stop.is_set() else self._send(events[position])
                if reason:
                    failures[position] = reason
                    stop.set()
                    return

        left = {self._senders.submit(send, positions) for positions in of_key.values()}
        try:
            while left:
                done, left = wait(left, timeout=TURN_SECONDS)
                for one in done:
                    one.result()
                if left:
                    waiting()
        finally:
            stop.set()
            wait(left)  # nothing of this batch is sent once the next has begun

    def _send(self, event: _Outgoing) -> str:
        return self._sidecar.publish(event.topic, event.value.encode(), {"partitionKey": event.key})
