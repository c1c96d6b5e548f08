"""A group that handles everything but the poison, and notes when and in which order, as lines of JSON.

    python -m tests.faults.patient consume|retry GROUP NOTES

Its consumer, and who retries what it has parked and publishes what is dead, are processes of their own, as
where it is no test: neither takes the other's time, nor that of who produces.
"""

import json
import os
import signal
import sys
import threading
import time

import django

django.setup()

from events_app import groups  # noqa: E402 - its models need the settings
from events_app.catalogue import CATALOGUE  # noqa: E402
from events_app.consuming import GroupConsumer  # noqa: E402
from events_app.dead_letter_topics import DeadLetterTopics  # noqa: E402
from events_app.envelope import Event  # noqa: E402
from events_app.parked import retry_parked  # noqa: E402


def main(what: str, group: str, notes: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    file = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def handle(event: Event) -> None:
        if event.sequence == 0:
            raise ZeroDivisionError(event.subject)
        waited = time.time() - event.time.timestamp()
        os.write(file, json.dumps([event.request_id, event.subject, event.sequence, waited]).encode() + b"\n")

    groups.handles(*CATALOGUE, group=group)(handle)
    if what == "consume":
        GroupConsumer(group, stop).run()
    else:
        _retry(stop)


def _retry(stop: threading.Event) -> None:
    topics = DeadLetterTopics()
    while not stop.wait(0.1):
        retry_parked()
        topics.publish_some()


if __name__ == "__main__":
    main(*sys.argv[1:])
