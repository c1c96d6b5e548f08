"""Dead letters on `<topic>.dlq` through a Dapr sidecar."""

from events_app.catalogue import DEAD_LETTERS
from events_app.dead_letter_topics import DeadLetterTopics, Reports, origin_of, value_of
from events_app.models import DeadLetter
from events_app.sidecar import Sidecar

# It is part of a URL, and a sidecar reads at most 4 KB of that with all headers.
LONGEST_ERROR = 200


class SidecarDeadLetterTopics(DeadLetterTopics):
    """The same rows and headers. What the sidecar itself has put there is not waiting."""

    def __init__(self) -> None:
        super().__init__()
        self._sidecar = Sidecar()

    def send(self, letters: list[DeadLetter], *, with_value: bool = True) -> Reports:
        return {letter.pk: self._send(letter) or None for letter in letters}

    def _send(self, letter: DeadLetter) -> str:
        headers = {name: text for name, text in origin_of(letter).items() if text is not None}
        headers["error"] = letter.error[:LONGEST_ERROR]
        # Bytes of anything, which Kafka's consumers have buried.
        raw = {} if letter.raw_value is None else {"rawPayload": "true"}
        topic = f"{letter.topic}{DEAD_LETTERS}"
        return self._sidecar.publish(topic, value_of(letter), headers | raw | {"partitionKey": letter.key})
