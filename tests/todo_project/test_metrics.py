"""The content of /metrics, and who may read it."""

import os
import platform
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import psutil
import pytest
import tzdata
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accounts_app.models import DueMail, User
from events_app.models import DeadLetter, OutboxEvent, ParkedEvent
from events_app.release import VERSION
from events_app.shards import LOCK_ID
from tasks_app.models import Task
from todo_project import database_metrics
from todo_project.models import TickRun

TOKEN = "a token for the tests"


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def scraped() -> dict[tuple[str, ...], float]:
    """`(name, label value, ...)`, labels by name, to the sample's value."""
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def event(model: type = OutboxEvent, **fields: object) -> None:
    model.objects.create(
        topic="task-events", type="task.created", key="alice", subject="1", sequence=1, data={}, **fields
    )


class TestWhoMayRead:
    @pytest.mark.parametrize("given", ["", "Bearer", "Bearer another", f"Basic {TOKEN}", TOKEN, "Bearer ü"])
    def test_no_one_without_the_token(self, given: str) -> None:
        answer = Client().get("/metrics", headers={"Authorization": given})
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert b"todo_" not in answer.content

    @pytest.mark.django_db
    def test_the_scheme_has_no_case(self) -> None:
        answer = Client().get("/metrics", headers={"Authorization": f"bearer {TOKEN}"})
        assert answer.status_code == 200

    @pytest.mark.parametrize("given", ["", "Bearer "])
    def test_no_one_while_no_token_is_set(self, settings: Settings, given: str) -> None:
        settings.METRICS_TOKEN = ""
        assert Client().get("/metrics", headers={"Authorization": given}).status_code == 404

    @pytest.mark.django_db
    def test_openmetrics_on_request(self) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/openmetrics-text"}
        answer = Client().get("/metrics", headers=headers)
        assert answer["Content-Type"].startswith("application/openmetrics-text")
        assert answer.content.endswith(b"# EOF\n")
        assert answer.content.count(b"# EOF") == 1


@pytest.mark.django_db
class TestRequests:
    def counted(self, *labels: str) -> float:
        return scraped().get(("todo_http_requests_total", *labels), 0)

    def test_by_template_method_and_status(self, alice: User, client_of: Callable[[User], Client]) -> None:
        labels = ("GET", "/api/tasks/<pk>", "404")
        before = self.counted(*labels)
        for number in ("1", "2"):
            client_of(alice).get(f"/api/tasks/{number}")
        assert self.counted(*labels) == before + 2
        measured = scraped()[("todo_http_request_duration_seconds_count", "GET", "/api/tasks/<pk>")]
        assert measured >= 2

    def test_no_label_for_what_strangers_make_up(self) -> None:
        before = self.counted("other", "none", "404")
        for number in range(3):
            Client().generic(f"MADEUP{number}", f"/api/nothing/{number}")
        assert self.counted("other", "none", "404") == before + 3
        assert not [labels for labels in scraped() if "MADEUP1" in labels or "/api/nothing/1" in labels]

    def test_each_route_has_a_template_of_its_own(self) -> None:
        Client().get("/healthz/live")
        Client().post("/healthz/live")
        assert self.counted("GET", "/healthz/live", "200")
        assert self.counted("POST", "/healthz/live", "405")


@pytest.mark.django_db
class TestProcesses:
    def test_the_release_is_a_label(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TODO_REVISION", "4711abc")
        (labels,) = [labels for labels in scraped() if labels[0] == "todo_build_info"]
        assert labels[1:] == (platform.python_version(), "4711abc", VERSION)
        assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)

    def test_memory_processor_and_files_by_the_name_of_the_process(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        settings.PROMETHEUS_MULTIPROC_DIR = str(tmp_path)
        for number in (os.getpid(), os.getppid(), 4_194_304):  # the last is above the largest number there is
            MmapedDict(str(tmp_path / f"counter_{number}.db")).close()
        os.utime(tmp_path / f"counter_{os.getppid()}.db", (0, 0))  # of an older process with this number
        facts = {labels: value for labels, value in scraped().items() if "process" in labels[0]}
        name = psutil.Process().name()
        assert facts[("todo_processes", name)] == 1
        assert facts[("process_resident_memory_bytes", name)] > 10_000_000
        assert facts[("process_open_fds", name)] > 3
        assert facts[("process_cpu_seconds_total", name)] > 0
        assert facts[("process_start_time_seconds", name)] == pytest.approx(psutil.Process().create_time())

    def test_counters_exist_before_anything_happens(self) -> None:
        """Without a zero before it, the first failure has no rate, and no alert sees it."""
        import_module("sync_app.metrics")  # of the stream
        facts = scraped()
        for labels in [
            ("todo_deliveries_total", "web_push", "failed"),
            ("todo_delivery_attempts_total", "web_push", "403"),
            ("todo_stream_refused_total", "503"),
            ("todo_stream_ended_total", "slow"),
            ("todo_events_handled_total", "notifications", "failed", "reminder.due"),
            ("todo_events_buried_total", "recurring"),
        ]:
            assert labels in facts, labels

    def test_the_errors_of_a_route_exist_from_its_first_request(self) -> None:
        Client().get("/healthz/live")
        assert ("todo_http_requests_total", "GET", "/healthz/live", "500") in scraped()


@pytest.mark.django_db
class TestDatabaseMetrics:
    def test_nothing_to_do(self) -> None:
        facts = scraped()
        for name in ("outbox_events", "outbox_oldest_age_seconds", "reminders_due", "deliveries_due"):
            assert facts[(f"todo_{name}",)] == 0
        assert facts[("todo_parked_events", "notifications")] == 0
        assert facts[("todo_dead_letters", "recurring")] == 0
        assert facts[("todo_database_up",)] == 1

    def test_the_outbox(self) -> None:
        ago = timezone.now() - timedelta(minutes=5)
        event(time=ago)
        event()
        facts = scraped()
        assert facts[("todo_outbox_events",)] == 2
        assert 300 <= facts[("todo_outbox_oldest_age_seconds",)] < 310

    def test_parked_and_dead_by_group(self) -> None:
        ago = timezone.now() - timedelta(minutes=5)
        event(ParkedEvent, group="notifications", parked_at=ago)
        event(ParkedEvent, group="notifications")
        event(DeadLetter, group="recurring", attempts=9, error="no")
        facts = scraped()
        assert facts[("todo_parked_events", "notifications")] == 2
        assert facts[("todo_dead_letters", "recurring")] == 1
        assert 300 <= facts[("todo_parked_oldest_age_seconds",)] < 310

    def test_reminders_no_one_claims(self, alice: User) -> None:
        ago = timezone.now() - timedelta(minutes=5)
        Task.objects.create(user=alice, title="water", reminder_at=ago)
        Task.objects.create(user=alice, title="water", reminder_at=timezone.now() + timedelta(hours=1))
        facts = scraped()
        assert facts[("todo_reminders_due",)] == 1
        assert 300 <= facts[("todo_reminders_oldest_due_age_seconds",)] < 310

    def test_mails_no_one_sends(self) -> None:
        ago = timezone.now() - timedelta(minutes=5)
        DueMail.objects.create(
            kind=DueMail.Kind.PASSWORD_RESET, address="alice@example.test", next_attempt_at=ago
        )
        facts = scraped()
        assert facts[("todo_mails_due",)] == 1
        assert 300 <= facts[("todo_mails_oldest_due_age_seconds",)] < 310

    def test_a_bound_to_what_is_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database_metrics, "BOUND", 3)
        for _ in range(5):
            event()
            event(ParkedEvent, group="notifications")
        with CaptureQueriesContext(connection) as queries:
            facts = scraped()
        assert facts[("todo_outbox_events",)] >= 3
        assert facts[("todo_parked_events", "notifications")] == 3
        reading = [query["sql"] for query in queries if "FROM" in query["sql"]]
        one_row_a_tick = TickRun._meta.db_table
        assert all("LIMIT" in sql or "pg_" in sql or one_row_a_tick in sql for sql in reading)

    def test_how_long_ago_each_tick_has_run(self) -> None:
        TickRun.objects.create(name="scan-reminders", last_run_at=timezone.now() - timedelta(minutes=5))
        facts = scraped()
        assert facts[("todo_tick_last_run_age_seconds", "scan-reminders")] == pytest.approx(300, abs=30)
        assert facts[("todo_tick_last_run_age_seconds", "purge-trash")] == float("inf")

    def test_the_active_relay(self) -> None:
        assert scraped()[("todo_relay_active",)] == 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_ID])
        assert scraped()[("todo_relay_active",)] == 1


@pytest.fixture
def no_database(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    connections["default"].close()
    for name, value in {"HOST": "127.0.0.1", "PORT": 1, "OPTIONS": {}}.items():
        monkeypatch.setitem(connections["default"].settings_dict, name, value)
    yield
    monkeypatch.undo()
    connections["default"].close()


@pytest.mark.usefixtures("no_database")
def test_without_the_database_the_processes_facts_remain() -> None:
    facts = scraped()
    assert facts[("todo_database_up",)] == 0
    assert facts[("todo_zone_data_info", tzdata.IANA_VERSION)] == 1
    assert ("todo_outbox_events",) not in facts
    assert any(name[0] == "todo_events_handled_total" for name in facts)
