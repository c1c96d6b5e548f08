"""A consumer of completions: each of the newest in the outbox comes to it three times, in any order.

Started and killed by test_completions.py, several at once, with clocks that may be wrong (wrong_clock.py).
"""

import random
import time
from collections import Counter

import django

TIMES = 3
NEWEST = 1_000  # those of some days of the story, also of ones that were over before it was started

if __name__ == "__main__":
    django.setup()

    from events_app.envelope import from_row
    from events_app.handling import handle
    from events_app.models import OutboxEvent
    from events_app.parked import retry_parked

    seen: Counter[int] = Counter()
    while True:
        completions = OutboxEvent.objects.filter(type="task.completed").order_by("-id")
        rows = [row for row in completions[:NEWEST] if seen[row.pk] < TIMES]
        random.shuffle(rows)
        for row in rows:
            handle("recurring", from_row(row))
            seen[row.pk] += 1
        retry_parked()  # what waited too long for a lock on a busy machine
        time.sleep(0.02)
