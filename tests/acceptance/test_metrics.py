"""Every process's facts are seen at the one /metrics, the worker's children's too."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from devkit.demo.push_service import push_service
from devkit.embedded.ports import free_port
from tests.acceptance.calls import call
from tests.acceptance.instance import Instance, instance
from tests.acceptance.processes import eventually

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with instance(tmp_path_factory.mktemp("metrics") / "data") as running:
        yield running


def sample(running: Instance, name: str, **labels: str) -> float:
    """The sum of the samples with this name and at least these labels."""
    families = text_string_to_metric_families(running.metrics())
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(one.value for one in samples if labels.items() <= one.labels.items())


def event_ids(running: Instance, process: str, said: str) -> set[str]:
    """The ids on the lines of a process that say this."""
    lines = [json.loads(line) for line in running.log(process).read_text().splitlines() if said in line]
    return {line["event_id"] for line in lines if line["event"] == said}


def test_a_reminder_is_seen_on_its_way_through_all_processes(running: Instance) -> None:
    with push_service() as service:
        token = running.sign_up("alice@example.test")
        browser = service.subscribe().subscription
        assert running.call("POST", "/api/push-subscriptions", browser, token=token).status == 201
        at = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
        task = running.call("POST", "/api/tasks", {"title": "water", "reminder_at": at}, token=token)
        assert task.status == 201, task
        eventually(lambda: len(service.messages) == 1)
        eventually(lambda: sample(running, "todo_deliveries_total", channel="web_push", outcome="sent") == 1)

        assert (
            sample(running, "todo_http_requests_total", method="POST", route="/api/tasks", status="201") == 1
        )
        handled = {"group": "notifications", "type": "reminder.due", "outcome": "done"}
        eventually(lambda: sample(running, "todo_events_handled_total", **handled) == 1)  # the relay
        eventually(
            lambda: (
                event_ids(running, "relay", "event_handled")
                & event_ids(running, "worker", "delivery_attempted")
            )
        )
        assert sample(running, "todo_reminder_claim_lateness_seconds_count") == 1  # the ticker's child
        assert sample(running, "todo_reminder_delivery_lateness_seconds_count") == 1  # the worker's child
        assert 0 < sample(running, "todo_reminder_delivery_lateness_seconds_sum") < 30
        assert sample(running, "todo_delivery_attempts_total", status="201") == 1
        eventually(lambda: sample(running, "todo_outbox_events") == 0)
        assert sample(running, "todo_outbox_relayed_total") >= 3
        scanned = "todo_celery_task_last_success_timestamp_seconds"
        assert sample(running, scanned, task="notifications_app.scan_reminders") > 0
        # A relay that got no processor for some seconds has lost its lock, and takes it again.
        eventually(lambda: sample(running, "todo_relay_active") == 1)
        assert str(task.body["id"]) not in {
            value
            for family in text_string_to_metric_families(running.metrics())
            for one in family.samples
            for value in one.labels.values()
        }


def test_where_there_is_no_web_a_process_has_a_port_of_its_own(running: Instance, tmp_path: Path) -> None:
    """As on many hosts: each process with a folder and a port for itself."""
    token = running.sign_up("bob@example.test")
    port = free_port()
    shared = running.environment
    running.environment = shared | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "METRICS_PORT": str(port)}
    running.start("ticker2")
    running.environment = shared

    def ticks() -> float:
        try:
            answer = call(port, "GET", "/metrics")
        except (OSError, HTTPException):
            return 0
        families = text_string_to_metric_families(answer.body)
        samples = [one for family in families for one in family.samples]
        return sum(one.value for one in samples if one.name == "todo_celery_tasks_total")

    # Each tick goes to one of both tickers: one a second while reminders come due, one every 30 s without.
    for seconds in range(2, 22):
        at = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        rings = running.call("POST", "/api/tasks", {"title": "water", "reminder_at": at}, token=token)
        assert rings.status == 201, rings
    eventually(lambda: ticks() >= 1)
