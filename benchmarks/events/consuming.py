"""Handling `reminder.due` from a real Kafka: in batches, and as a handler of single events gets them."""

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import cycle, islice

from django.test import override_settings

from benchmarks.burst import people
from benchmarks.events.kafka import real_kafka
from benchmarks.measuring import Series, Side, Turn, spread
from benchmarks.report import Report, numbers, ratio_line, table
from benchmarks.stage import Stage, own_processor_seconds
from events_app.consuming import MOST_UNCOMMITTED, GroupConsumer
from events_app.envelope import Event, from_row
from events_app.groups import Handler, handler_of, registry
from events_app.kafka import KafkaBroker
from events_app.models import OutboxEvent
from notifications_app.scan import scan_reminders

GROUP, TYPE = "notifications", "reminder.due"
REMINDERS = 2_000
EVENTS_A_SECOND_OF_A_TURN = {True: 2_000, False: 150}
# The first of a partition are on record, which takes longer.
WARM_UP = 2 * MOST_UNCOMMITTED
GOAL = 5


def run(stage: Stage) -> Report:
    """Events a second of one consumer. The scan has made their deliveries, so that none is missing."""
    people.with_a_browser_each([f"https://push.example.net/{number}" for number in range(REMINDERS)])
    people.due_at(datetime.now(UTC))
    while scan_reminders():
        pass
    events = [from_row(row) for row in OutboxEvent.objects.filter(type=TYPE)]
    with ExitStack() as stack:
        stack.enter_context(override_settings(KAFKA_TOPIC_PARTITIONS=1))
        stack.enter_context(real_kafka(stage))
        logging.disable(logging.INFO)  # a line for each call
        stack.callback(logging.disable, logging.NOTSET)
        series = stage.measure(
            Side("in batches", lambda seconds: _turn(events, seconds, in_batches=True)),
            Side("one by one", lambda seconds: _turn(events, seconds, in_batches=False)),
        )
    in_batches, one_by_one = series.values()
    said = (
        f"`{TYPE}` of {REMINDERS:,} reminders, again and again, on one partition; the scan has made their"
        " deliveries. The processor's time is that of the consumer and of its session of PostgreSQL. What is"
        " handled is not logged."
    )
    head = ["", "events a second, median (range)", "processor, ms each"]
    return Report(
        "Handling events from Kafka",
        [said, table(head, map(_row, series.values())), ratio_line(in_batches, one_by_one, goal=GOAL)],
    )


def _row(one: Series) -> list[str]:
    return [one.name, numbers(spread(one.rates), ",.0f"), f"{one.server_milliseconds:.2f}"]


def _turn(events: Sequence[Event], seconds: float, *, in_batches: bool) -> Turn:
    """From the first event after the warm-up to the last."""
    count = int(EVENTS_A_SECOND_OF_A_TURN[in_batches] * seconds)
    messages = list(islice(cycle(events), WARM_UP + count))
    if KafkaBroker().publish(messages, waiting=lambda: None) < len(messages):
        raise RuntimeError("Kafka has not taken all events.")
    handler, handled = handler_of(GROUP, TYPE), 0
    assert handler

    def call(given: Event | Sequence[Event]) -> None:
        nonlocal handled
        together = [given] if isinstance(given, Event) else given
        handler.call(together)
        handled += len(together)

    registry[GROUP][TYPE] = Handler(call, in_batches=in_batches)
    consumer = GroupConsumer(GROUP)
    try:
        with consumer.joined() as client:
            while handled < WARM_UP:
                consumer.step(client)
            before, processor, started = handled, own_processor_seconds(), time.perf_counter()
            while handled < len(messages):
                consumer.step(client)
            took, used = time.perf_counter() - started, own_processor_seconds() - processor
    finally:
        registry[GROUP][TYPE] = handler
    return Turn([took], took, server_seconds=used, pieces=handled - before)
