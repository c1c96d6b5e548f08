"""Dead letters on `<topic>.dlq`: each row is published with headers that say where it came from and why.

Any relay may publish it, a standby too: dead letters have no order, and a row is locked meanwhile. After a
kill one may come twice, with the same `id` header.
"""

import json
from base64 import b64decode
from functools import partial

import structlog
from django.db import transaction
from django.utils import timezone

from events_app.catalogue import DEAD_LETTERS
from events_app.envelope import from_row, to_wire
from events_app.kafka import CONTENT_TYPE, KafkaError, KafkaException, Message, Producer, dead_letter_producer
from events_app.models import DeadLetter

log = structlog.get_logger(__name__)

BATCH = 100
# Longer than the producer takes to give up.
FLUSH_SECONDS = 15
_LONGEST_ERROR = 1_000

# bytes, which the client's own type does not say alone
Headers = list[tuple[str, str | bytes | None]]
Reports = dict[int, KafkaError | str | None]


class DeadLetterTopics:
    """Publishes what is not on its topic yet. Its client is created when there is something."""

    def __init__(self) -> None:
        self._producer: Producer | None = None
        self._tried = 0

    @transaction.atomic
    def publish_some(self) -> int:
        """Publish the oldest, at most BATCH; how many Kafka has acknowledged.

        The others are tried again after all that wait.
        """
        waiting = DeadLetter.objects.filter(published_at=None, id__gt=self._tried).order_by("id")
        letters = list(waiting.select_for_update(skip_locked=True)[:BATCH])
        self._tried = letters[-1].pk if len(letters) == BATCH else 0
        if not letters:
            return 0
        errors = self.send(letters)
        refused = [letter for letter in letters if _is_too_large(errors.get(letter.pk))]
        errors |= self.send(refused, with_value=False)
        taken = [pk for pk, error in errors.items() if error is None]
        DeadLetter.objects.filter(pk__in=taken).update(published_at=timezone.now())
        for error in {str(error) for error in errors.values() if error}:
            log.warning("dead_letters_not_published", error=error)
        return len(taken)

    def send(self, letters: list[DeadLetter], *, with_value: bool = True) -> Reports:
        """The error of each by the row's id, None when published. Those without a report are missing."""
        self._producer = self._producer or dead_letter_producer()
        reports: Reports = {}
        for letter in letters:
            try:
                self._producer.produce(
                    f"{letter.topic}{DEAD_LETTERS}",
                    key=_key(letter),
                    value=value_of(letter) if with_value else None,
                    headers=_headers(letter),
                    on_delivery=partial(_note, reports, letter.pk),
                )
            except KafkaException as error:
                reports[letter.pk] = error.args[0]
        self._producer.flush(FLUSH_SECONDS)
        return reports


def _key(letter: DeadLetter) -> bytes | None:
    if letter.raw_value is None:
        return letter.key.encode()
    return None if letter.raw_key is None else bytes(letter.raw_key)


def value_of(letter: DeadLetter) -> bytes:
    if letter.raw_value is None:
        return json.dumps(to_wire(from_row(letter)), separators=(",", ":")).encode()
    return bytes(letter.raw_value)


def _headers(letter: DeadLetter) -> Headers:
    """The message's own, and ours."""
    own: Headers = [CONTENT_TYPE] if letter.raw_value is None else []
    own += [(name, None if text is None else b64decode(text)) for name, text in letter.raw_headers]
    return own + [(name, None if text is None else text.encode()) for name, text in origin_of(letter).items()]


def origin_of(letter: DeadLetter) -> dict[str, str | None]:
    """Where it came from and why it is here, as headers."""
    origin = {
        "id": letter.event_id,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "group": letter.group,
        "error": letter.error[:_LONGEST_ERROR],
        "attempts": letter.attempts,
    }
    return {name: None if value is None else str(value) for name, value in origin.items()}


def _is_too_large(error: KafkaError | str | None) -> bool:
    return isinstance(error, KafkaError) and error.code() == KafkaError.MSG_SIZE_TOO_LARGE


def _note(reports: Reports, pk: int, error: KafkaError | None, _message: Message) -> None:
    reports[pk] = error
