"""When a tick has run is recorded where every process can read it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from notifications_app.tasks import scan_reminders
from tests.acceptance.processes import TICKER, eventually, running
from todo_project import tick_runs
from todo_project.models import TickRun
from todo_project.tick_runs import SCAN, record_run, seconds_since_runs, trouble_of_scan

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing_recorded() -> Iterator[None]:
    tick_runs.recorded_at.clear()
    yield
    tick_runs.recorded_at.clear()


@pytest.mark.django_db
def test_a_run_is_recorded_at_most_every_ten_seconds(
    clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0.0
    monkeypatch.setattr(tick_runs, "monotonic", lambda: seconds)
    for expected in (0, 0, 0, 12, 12):
        record_run(SCAN)
        assert TickRun.objects.get().last_run_at == NOON + timedelta(seconds=expected)
        seconds += 4
        clock.shift(4)


@pytest.mark.django_db
def test_a_clock_that_was_set_back_is_recorded_too(clock: time_machine.Traveller) -> None:
    TickRun.objects.create(name=SCAN, last_run_at=NOON + timedelta(hours=6))
    assert seconds_since_runs()[SCAN] is None
    record_run(SCAN)
    assert seconds_since_runs()[SCAN] == 0


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("ago", "trouble"),
    [
        (None, "has not run yet"),
        (timedelta(seconds=60), ""),
        (timedelta(seconds=61), "has not run for 61 s"),
        (timedelta(hours=-1), "has not run yet"),
    ],
)
def test_a_minute_without_a_scan_is_trouble(ago: timedelta | None, trouble: str) -> None:
    if ago is not None:
        TickRun.objects.create(name=SCAN, last_run_at=timezone.now() - ago)
    assert trouble_of_scan(seconds_since_runs()) == trouble


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_probe_of_the_ticker_fails_when_the_scan_has_not_run_for_a_minute(
    free_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRICS_PORT", str(free_port))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    TickRun.objects.create(name=SCAN, last_run_at=timezone.now() - timedelta(seconds=61))
    with running(TICKER):
        eventually(lambda: "the reminder scan has not run for" in probe(free_port)[1])
        assert probe(free_port)[0] == 503
        scan_reminders.apply_async(queue="ticks")
        eventually(lambda: probe(free_port)[0] == 200)


def probe(port: int) -> tuple[int, str]:
    """The status and the body of the ticker's own probe; 0 while it does not answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/healthz/ready")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()
