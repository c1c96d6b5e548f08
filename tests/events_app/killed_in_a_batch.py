"""The consumer of the group `notifications`, killed once in the middle of a batch: before its commit.

    python -m tests.events_app.killed_in_a_batch FILE on_record|later

It is killed if FILE is there, and leaves in the file `before` beside it how many deliveries there were when
the batch began. `later` makes it one that has read its first messages, which are on record.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import django

django.setup()

from events_app import consuming, groups  # noqa: E402 - its models need the settings
from events_app.envelope import Event  # noqa: E402
from notifications_app.models import Delivery  # noqa: E402


def main(file: str, when: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    handlers = groups.registry["notifications"]
    handler = handlers["reminder.due"]

    def die_once(events: Sequence[Event]) -> None:
        before = Delivery.objects.count()
        handler.call(events)
        # Not in a batch of what other tests have left on the topic.
        if len(events) > 1 and Path(file).exists() and Delivery.objects.count() > before:
            Path(file).unlink()
            Path(file).with_name("before").write_text(str(before))
            os.kill(os.getpid(), signal.SIGKILL)

    handlers["reminder.due"] = handler._replace(call=die_once)
    if when == "later":
        consuming.MOST_UNCOMMITTED = 0
    consuming.GroupConsumer("notifications", stop).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
