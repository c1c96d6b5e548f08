"""Beat has a port too: a probe sees that it has stopped turning."""

import json
from http.client import HTTPConnection
from typing import Any

import pytest
from celery.signals import beat_init
from pytest_django import Settings

from events_app import liveness
from tests.monotonic import Monotonic
from todo_project.scheduler import Scheduler
from todo_project.task_metrics import serve_metrics_of_beat


def probed(port: int) -> tuple[int, Any]:
    asking = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        asking.request("GET", "/healthz/live")
        answer = asking.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        asking.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sent")
def test_it_lives_while_it_turns(
    scheduler: Scheduler, settings: Settings, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Monotonic()
    monkeypatch.setattr(liveness, "monotonic", clock.monotonic)
    monkeypatch.setattr(liveness, "last_turns", {})
    settings.METRICS_PORT = free_port
    serve_metrics_of_beat()
    scheduler.tick()
    assert probed(free_port) == (200, {"status": "ok", "stuck": [], "seconds_since_turn": {"beat": 0.0}})
    clock.now += settings.EVENT_STUCK_SECONDS + 1
    assert probed(free_port)[0] == 503
    scheduler.tick()
    assert probed(free_port)[0] == 200


def test_it_is_served_at_the_start_of_beat() -> None:
    assert serve_metrics_of_beat in [receiver() for _, receiver in beat_init.receivers]
