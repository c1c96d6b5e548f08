"""Deliveries that are due, from their claim to their record, beside webpush() of pywebpush in a loop."""

import time
from datetime import UTC, datetime
from time import perf_counter

from django.conf import settings
from pywebpush import webpush

from benchmarks.burst import people
from benchmarks.burst.sink import Sink
from benchmarks.measuring import Side, Turn
from benchmarks.stage import empty_tables
from notifications_app.channels.message import message_of
from notifications_app.channels.payload import payload_of
from notifications_app.models import Delivery
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver_due


def sides(push: Sink, count: int, milliseconds: int) -> list[Side]:
    """`count` reminders of as many users, for a push service that takes so many milliseconds."""
    after = f"answered after {milliseconds} ms"
    return [
        Side(f"claim, send and record, {after}", lambda _seconds: _ours(push, count, milliseconds)),
        Side(f"webpush() in a loop, {after}", lambda seconds: _theirs(push, count, milliseconds, seconds)),
    ]


def _ours(push: Sink, count: int, milliseconds: int) -> Turn:
    _make_deliveries(push, count, milliseconds)
    started = perf_counter()
    deliver_due()
    took = perf_counter() - started
    sent = Delivery.objects.filter(state=Delivery.State.SENT).count()
    if sent != count:
        raise RuntimeError(f"{sent} of {count} deliveries were sent.")
    return Turn([took / count] * count, took)


def _theirs(push: Sink, count: int, milliseconds: int, seconds: float) -> Turn:
    """The same messages to the same browsers; nothing is read, and nothing is written."""
    _make_deliveries(push, count, milliseconds)
    deliveries = list(Delivery.objects.select_related("user", "subscription", "reminder__task"))
    messages = [(_subscription(one), payload_of(message_of(one)).decode()) for one in deliveries]
    latencies: list[float] = []
    started = now = perf_counter()
    for subscription, data in messages:
        if now - started >= seconds:
            break
        webpush(
            subscription,
            data,
            vapid_private_key=settings.VAPID_PRIVATE_KEY,
            vapid_claims={"sub": settings.VAPID_SUBJECT},
            ttl=86400,
        )
        now, before = perf_counter(), now
        latencies.append(now - before)
    return Turn(latencies, now - started)


def _make_deliveries(push: Sink, count: int, milliseconds: int) -> None:
    empty_tables()
    path = f"{push.origin}/{milliseconds}/{time.monotonic_ns()}"
    people.with_a_browser_each([f"{path}-{number}" for number in range(count)])
    people.due_at(datetime.now(UTC))
    scan_reminders()


def _subscription(delivery: Delivery) -> dict[str, object]:
    browser = delivery.subscription
    assert browser
    keys = {"p256dh": browser.p256dh_key, "auth": browser.auth_key}
    return {"endpoint": delivery.target, "keys": keys}
