"""The relay, beside a bare idempotent producer of the same bytes and a relay that flushes each message."""

import json
import time
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from benchmarks.events.kafka import Outbox, real_kafka
from benchmarks.measuring import Series, Side, Turn, spread
from benchmarks.report import Report, numbers, ratio_line, table
from benchmarks.stage import Stage
from events_app.envelope import from_row, to_wire
from events_app.kafka import CONTENT_TYPE, KafkaBroker
from events_app.models import OutboxEvent
from events_app.relay import relay_batch

EVENTS_A_SECOND_OF_A_TURN = 4_000
BARE_GOAL, FLUSHING_GOAL = 0.25, 50
_IDEMPOTENT = {"enable.idempotence": True, "acks": "all", "compression.type": "lz4", "linger.ms": 5}


def run(stage: Stage) -> Report:
    """Messages a second; each of the sides has a full outbox, and the last two stop when the time is over."""
    with real_kafka(stage) as servers:
        outbox = Outbox()
        sides = [
            Side("relay", lambda seconds: _relay(outbox, seconds)),
            Side("bare producer", lambda seconds: _bare(outbox, servers, seconds)),
            Side("a flush each", lambda seconds: _flushing(outbox, servers, seconds)),
        ]
        series = stage.measure(*sides)
    relay, bare, flushing = series.values()
    return Report(
        "The relay to Kafka",
        [
            table(["", "messages a second, median (range)"], map(_row, series.values())),
            ratio_line(relay, bare, goal=BARE_GOAL),
            ratio_line(relay, flushing, goal=FLUSHING_GOAL),
        ],
    )


def _row(one: Series) -> list[str]:
    return [one.name, numbers(spread(one.rates), ",.0f")]


def _relay(outbox: Outbox, seconds: float) -> Turn:
    """The product's own: from the rows to the rows' end."""
    count = _fill(outbox, seconds)
    broker, started = KafkaBroker(), time.perf_counter()
    while relay_batch(broker):
        pass
    turn = _turn(count, started)
    if OutboxEvent.objects.exists():
        raise RuntimeError("The relay has left events in the outbox.")
    return turn


def _bare(outbox: Outbox, servers: str, seconds: float) -> Turn:
    """No database: the bytes are there before, and a callback counts what was acknowledged."""
    count = _fill(outbox, seconds)
    messages = [_message(row) for row in OutboxEvent.objects.order_by("id")]
    acknowledged = 0

    def report(error: KafkaError | None, _message: Message) -> None:
        nonlocal acknowledged
        acknowledged += error is None

    producer, started = _producer(servers), time.perf_counter()
    for message in messages:
        producer.produce(**message, on_delivery=report)
        producer.poll(0)
    producer.flush()
    turn = _turn(count, started)
    if acknowledged != count:
        raise RuntimeError(f"{count} sent, {acknowledged} acknowledged.")
    return turn


def _flushing(outbox: Outbox, servers: str, seconds: float) -> Turn:
    """A row, its message, a wait, its delete; as far as the time goes."""
    _fill(outbox, seconds)
    producer, started, done = _producer(servers), time.perf_counter(), 0
    while time.perf_counter() < started + seconds:
        row = OutboxEvent.objects.order_by("id")[:1].get()
        producer.produce(**_message(row))
        producer.flush()
        row.delete()
        done += 1
    return _turn(done, started)


def _fill(outbox: Outbox, seconds: float) -> int:
    count = int(EVENTS_A_SECOND_OF_A_TURN * seconds)
    outbox.fill(count)
    return count


def _turn(count: int, started: float) -> Turn:
    seconds = time.perf_counter() - started
    return Turn([seconds], seconds, pieces=count)


def _producer(servers: str) -> Producer:
    return Producer({"bootstrap.servers": servers, **_IDEMPOTENT})


def _message(row: OutboxEvent) -> dict[str, Any]:
    value = json.dumps(to_wire(from_row(row)), separators=(",", ":"))
    return {"topic": row.topic, "key": row.key, "value": value, "headers": [CONTENT_TYPE]}
