"""A handler that hangs is seen by the probe, and holds up no stop for long."""

import json
from concurrent.futures import Future
from threading import Event as Signal
from threading import Thread
from uuid import uuid4
from wsgiref.util import setup_testing_defaults

import pytest
import structlog
from django.db import connection
from pytest_django import Settings

from events_app import groups, liveness, metrics
from events_app.background_threads import BackgroundThread, running
from events_app.consuming import GroupConsumer
from events_app.envelope import Event
from events_app.handling import handle
from events_app.kafka import KafkaBroker
from events_app.management.commands import consume
from events_app.models import ParkedEvent
from events_app.relay import Relay
from tests.events_app.handlers import replace_handler
from tests.events_app.kafka_servers import mock_cluster
from tests.events_app.test_broker_contract import Group, event
from tests.monotonic import Monotonic


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, no_handlers: None) -> None:
    """No other test's loops and handlers."""
    monkeypatch.setattr(liveness, "last_turns", {})


def probe() -> tuple[str, dict[str, object]]:
    """What `/healthz/live` answers."""
    environ: dict[str, object] = {"PATH_INFO": "/healthz/live"}
    setup_testing_defaults(environ)
    answered: list[str] = []
    body = b"".join(metrics._app()(environ, lambda status, headers: answered.append(status)))  # type: ignore
    return answered[0], json.loads(body)


def test_a_loop_that_turns_is_alive_and_one_that_does_not_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "monotonic", Monotonic().monotonic)
    assert probe()[0] == "200 OK"
    liveness.turned("relay")
    assert probe() == ("200 OK", {"status": "ok", "stuck": [], "seconds_since_turn": {"relay": 0.0}})
    settings.EVENT_STUCK_SECONDS = -1
    status, told = probe()
    assert (status, told["stuck"]) == ("503 Service Unavailable", ["relay"])


def test_the_rest_of_the_port_is_metrics() -> None:
    environ: dict[str, object] = {"PATH_INFO": "/metrics"}
    setup_testing_defaults(environ)
    assert b"todo_events_handled" in b"".join(metrics._app()(environ, lambda *_: None))  # type: ignore


@pytest.mark.django_db(transaction=True)
def test_the_relay_turns_also_while_a_broker_keeps_it_waiting() -> None:
    class Slow:
        batch_size = 1

        def publish_rows(self, rows, *, waiting) -> int:
            liveness.last_turns.clear()
            waiting()
            assert list(liveness.ages()) == ["relay"]
            return len(rows)

    from accounts_app.models import User
    from tasks_app.models import Task

    Task.objects.create(user=User.objects.create_user("alice@example.test"), title="one")
    relay = Relay(Slow())
    assert relay.guarded_step() == 0
    connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
@pytest.mark.kafka
def test_a_handler_that_hangs_is_seen_until_it_goes_on(settings: Settings) -> None:
    hanging, go_on, stopping = Signal(), Signal(), Signal()
    name = f"group-{uuid4()}"

    @groups.handles("reminder.due", group=name)
    def hang(_: Event) -> None:
        hanging.set()
        assert go_on.wait(180)

    with mock_cluster() as settings.KAFKA_BOOTSTRAP_SERVERS:
        KafkaBroker().publish([event("1", "alice")], waiting=lambda: None)
        thread = Thread(target=GroupConsumer(name, stopping).run)
        thread.start()
        assert hanging.wait(180)
        settings.EVENT_STUCK_SECONDS = 0
        assert probe()[1]["stuck"] == [name]
        settings.EVENT_STUCK_SECONDS = 60
        stopping.set()
        go_on.set()
        thread.join(120)
    assert not thread.is_alive()
    assert probe()[0] == "200 OK"


@pytest.mark.django_db
def test_a_statement_of_a_handler_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "STATEMENT_SECONDS", 0.05)
    group = Group()

    def sleep(_: Event) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")

    replace_handler(group.name, sleep)
    handle(group.name, event("1", "alice"))
    assert "statement timeout" in ParkedEvent.objects.get().error


def test_who_hangs_is_left_behind_on_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its event is not committed, so it comes again."""

    def end(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(consume.os, "_exit", end)
    monkeypatch.setattr(consume, "STOP_SECONDS", 0.01)
    left: Future[None] = Future()
    left.set_result(None)
    consume._end({left: "notifications"})
    with pytest.raises(SystemExit, match="1"):
        consume._end({left: "notifications", Future(): "recurring"})


@pytest.mark.django_db(transaction=True)
def test_background_work_that_fails_is_tried_again() -> None:
    done, again = [], Signal()

    def fail_first() -> None:
        done.append(1)
        if len(done) == 1:
            raise ZeroDivisionError
        again.set()

    with running([BackgroundThread("sweep", fail_first, every_seconds=0.01)], Signal()):
        assert again.wait(60)
    assert "sweep" in liveness.ages()


@pytest.mark.django_db(transaction=True)
def test_a_failure_that_lasts_is_logged_once_and_its_end_too() -> None:
    failing, again = iter(["away", "away", "away", "broken"]), Signal()

    def fail_at_first() -> None:
        if message := next(failing, None):
            raise ConnectionError(message)
        again.set()

    thread = BackgroundThread("sweep", fail_at_first, every_seconds=0.001)
    with structlog.testing.capture_logs() as logs, running([thread], Signal()):
        assert again.wait(60)
    assert [(line["event"], line.get("error")) for line in logs] == [
        ("background_work_failed", "away"),
        ("background_work_failed", "broken"),
        ("background_work_succeeds_again", None),
    ]
