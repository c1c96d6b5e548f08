"""Each benchmark, small: both sides do the same work. How fast is not asked: the machine is shared."""

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from pytest_django.live_server_helper import LiveServer

from benchmarks import report
from benchmarks.__main__ import LONG, NAMES, parser
from benchmarks.chat import open_turns, turns
from benchmarks.chat.model_server import model_server
from benchmarks.events import consuming, idle, latency
from benchmarks.load import UnexpectedAnswer, load, request
from benchmarks.measuring import Side, Spread, Turn, interleave, percentile_of, ratio
from benchmarks.register import BENCHMARKS
from benchmarks.reminders import eta, steps
from benchmarks.reminders import idle as idle_scan
from benchmarks.report import Report
from benchmarks.scale.queries import queries
from benchmarks.scale.rows import Owner
from benchmarks.stage import Stage
from devkit.embedded.places import CHECKOUT
from devkit.embedded.processes import Child
from devkit.embedded.supervisor import procfile
from tests.acceptance.forks import server
from tests.acceptance.processes import environment
from tests.benchmarks.test_calls import BOUNDS
from tests.events_app.kafka_servers import require_java

IN_THE_TABLE = {
    "ceiling": ["nothing"],
    "create": ["this backend", "naive", "naive, connections kept", "raw psycopg, 4 connections"] * 2,
    "list": ["this backend", "naive", "naive, connections kept"],
    "get": ["this backend", "naive, connections kept"],
    "update": ["this backend", "naive, connections kept"],
    "complete": ["this backend"],
    "events": ["events on", "events off"],
    "bulk": ["bulk, 1,000 a request, 1 connection", "one by one, 16 connections", "COPY"],
}

MEASURED_ALONE = (
    "code",
    "recurrence",
    "templates",
    "encryption",
    "footprint",
    "memory",
    "scale",
    "scale_plan",
    "erasure",
    "latency",
    "consuming",
    "mcp",
    "chat",
    "idle",
    "relay",
    "burst",
    "reminders",
)
# Measured over 3,000 requests: less than half of it.
LARGEST_GROWTH_MB = 30


class ForkingStage(Stage):
    """Each process imports its libraries for two seconds otherwise."""

    def start(self, command: str, environment: Mapping[str, str], log: BinaryIO) -> Child:
        return server().start(command, {**self.environment, **environment}, log.fileno())


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    rates = {"THROTTLE_WRITES": "1000000/min", "THROTTLE_OPERATIONS": "1000000000/min"}
    # One process of each web is enough to see what it does; the Procfile has two.
    surroundings = environment() | rates | {"SECRET_KEY": settings.SECRET_KEY, "WEB_CONCURRENCY": "1"}
    return ForkingStage(surroundings, tmp_path, rounds=1, seconds=0.3, tasks=1_000, requests=3_000)


def test_every_benchmark_has_a_name_and_a_small_version() -> None:
    assert set(BENCHMARKS) == {*NAMES, *LONG} == {*IN_THE_TABLE, *MEASURED_ALONE}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", IN_THE_TABLE)
def test_both_sides_do_the_same_work(stage: Stage, name: str) -> None:
    # Each side's rows and events are counted by the benchmark itself (require_rows).
    found = BENCHMARKS[name](stage)
    rates = re.findall(r"^\| (.+?) \| ([\d,]+) \(", found.text, re.MULTILINE)
    assert [side for side, _rate in rates] == IN_THE_TABLE[name]
    assert all(int(rate.replace(",", "")) > 0 for _side, rate in rates)
    # Its client waits for the next occurrence: no load.
    assert ("The load generator used " in found.text) is (name != "complete")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_another_version_is_measured_on_a_database_of_its_own(stage: Stage) -> None:
    # Its rows are counted by the benchmark itself, in that database.
    found = BENCHMARKS["create"](replace(stage, beside=[CHECKOUT]))
    assert found.text.count(f"- this backend / {report.commit_of(CHECKOUT)}: ") == 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_code_is_measured_room_by_room_and_request_by_request(stage: Stage) -> None:
    found = BENCHMARKS["code"](stage)
    names = re.findall(r"^\| (.+?) \| \d+ / [\d,]+ / [\d,]+ / \d+ \|$", found.text, re.MULTILINE)
    assert {"tasks_app", "together", *BOUNDS} <= set(names)
    assert not {"tests", "benchmarks"} & set(names)


@pytest.mark.slow
def test_each_rule_is_measured_beside_its_rivals(stage: Stage) -> None:
    found = BENCHMARKS["recurrence"](replace(stage, seconds=0.05))
    rivals = re.findall(r"^\| \S.*? \| [\d,]+ \| [\d,]+ \((\w+)\) \|", found.text, re.MULTILINE)
    assert len(rivals) == 4 + 7 + 10
    assert set(rivals) <= {"cronsim", "croniter", "dateutil"}


@pytest.mark.slow
@pytest.mark.django_db
def test_encryption_is_measured_beside_pywebpush_and_the_exchange_alone(stage: Stage) -> None:
    found = BENCHMARKS["encryption"](stage)
    sides = re.findall(r"^\| (\w.+?) \| [\d,]+ \|", found.text, re.MULTILINE)
    assert (sides[0], sides[-1], len(sides)) == ("key and exchange alone", "pywebpush", 4)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_reminders_at_one_instant_none_is_lost_and_none_comes_twice(stage: Stage) -> None:
    found = BENCHMARKS["burst"](replace(stage, tasks=50))
    kinds = re.findall(r"^\| (50, .+?) \|.*\| 0 \| 0 \| [\d.]+ \(", found.text, re.MULTILINE)
    assert kinds == ["50, at once", "50, beside 100 that drip", "50, after 100 ms"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_steps_of_reminders_are_measured_beside_their_rivals(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "CLAIMS", 50)
    monkeypatch.setattr(steps, "PUSHES", 20)
    monkeypatch.setattr(eta, "LEAD_SECONDS", 0.2)
    monkeypatch.setattr(idle_scan, "GROWTH", 2)
    monkeypatch.setattr(idle_scan, "SCANS", 20)
    found = BENCHMARKS["reminders"](replace(stage, seconds=0.05, tasks=7_000))
    assert found.text.count("goal") == 8
    assert re.findall(r"^\| ([\d,]+) \| [\d.]+ \| [\d.]+ \|$", found.text, re.MULTILINE) == [
        "7,000",
        "14,000",
    ]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_templates_are_generated_beside_the_bare_rows(stage: Stage) -> None:
    found = BENCHMARKS["templates"](stage)
    assert "1,000 due templates" in found.text
    assert found.text.count("goal") == 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_s_memory_stays(stage: Stage) -> None:
    found = BENCHMARKS["memory"](stage)
    measured = re.findall(r"^\| ([\d,]+) \| ([\d.]+) \|$", found.text, re.MULTILINE)
    assert int(measured[-1][0].replace(",", "")) > stage.requests * 0.9
    first, *_, last = (float(megabytes) for _, megabytes in measured)
    assert 0 < last < first + LARGEST_GROWTH_MB  # the system may have taken some back


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which pages are shared")
def test_an_instance_at_rest_is_measured_by_role(stage: Stage) -> None:
    found = BENCHMARKS["footprint"](stage)
    by_role = re.findall(r"^\| ([a-z]+) \| (\d+) \| ([\d.]+) \| [\d.]+ \|$", found.text, re.MULTILINE)
    roles = {role: (int(processes), float(megabytes)) for role, processes, megabytes in by_role}
    assert set(roles) == {"launcher", "postgres", "valkey", *procfile()}
    assert all(processes >= 1 and megabytes > 0 for processes, megabytes in roles.values())


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_every_query_of_the_list_is_asked_for_both_users(stage: Stage) -> None:
    found = BENCHMARKS["scale"](replace(stage, seconds=0.05))
    names = re.findall(r"^\| (.+?) \| [\d.,]+ \| ", found.text, re.MULTILINE)
    owner = Owner(person=Mock(), tags={"common": 1, "second": 2, "rare": 3}, head=4)
    assert set(names) >= set(queries(owner))
    assert "11,000 rows" in found.text


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_only_the_queries_that_are_named_are_asked(stage: Stage) -> None:
    found = BENCHMARKS["scale"](replace(stage, seconds=0.05, only="pinned"))
    assert re.findall(r"^\| (.+?) \| [\d.,]+ \| ", found.text, re.MULTILINE) == [
        "pinned=true",
        "pinned=false",
    ]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_account_is_erased_to_its_last_task(stage: Stage) -> None:
    found = BENCHMARKS["erasure"](stage)
    assert "| 1,000 |" in found.text
    assert "1,000 tasks, each with a tag" in found.text


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.django_db(transaction=True)
def test_the_relay_and_its_rivals_get_all_acknowledged(stage: Stage) -> None:
    require_java()
    # Each side counts for itself what was acknowledged, and what is left in the outbox.
    found = BENCHMARKS["relay"](replace(stage, seconds=0.5))
    rows = [line.split(" | ") for line in found.text.splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows[2:]] == ["relay", "bare producer", "a flush each"]
    assert found.text.count("goal") == 2


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.django_db(transaction=True)
def test_every_change_comes_to_its_handler_and_its_client(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_java()
    monkeypatch.setattr(latency, "RATES", (50,))
    monkeypatch.setattr(latency, "WARM_UP_SECONDS", 1.0)
    found = latency.run(replace(stage, seconds=1))  # which fails by itself when a change does not come
    assert [found.text.count(f"| {way} | 50 |") for way in ("in the relay", "Kafka")] == [1, 1]


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.django_db(transaction=True)
def test_events_from_kafka_are_all_handled_in_both_ways(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_java()
    monkeypatch.setattr(consuming, "REMINDERS", 50)
    monkeypatch.setattr(consuming, "WARM_UP", 50)
    found = consuming.run(stage)  # which counts what the handler got
    rows = [line.split(" | ") for line in found.text.splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows[2:]] == ["in batches", "one by one"]


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_turns_are_measured_beside_the_library_alone(stage: Stage) -> None:
    # Each answer is read by the benchmark itself.
    with model_server() as url:
        found = "\n".join(turns.measure(replace(stage, seconds=0.05), url, (10,)))
    rows = [line.strip("| ").split(" | ") for line in found.splitlines() if line.startswith("| 10")]
    assert [row[0] for row in rows[:3]] == ["10, the library alone", "10, with a copy", "10, without one"]
    assert all(int(row[1]) > 0 and float(row[2]) > 0 for row in rows[:3])
    assert len(rows[3]) == 4


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", ["silent", "slow"])
def test_turns_are_open_while_the_rest_is_measured(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(open_turns, "OPEN", 3)
    monkeypatch.setattr(open_turns, "BESIDE", {model: model})
    # It fails by itself when a turn ends before.
    with model_server() as url:
        found = open_turns.measure(replace(stage, seconds=1), url)[-1]
    name, pieces, *figures = found.splitlines()[-1].strip("| ").split(" | ")
    assert (name, float(pieces) > 0) == (model, model == "slow")
    assert all(float(figure) > 0 for figure in figures)


@pytest.mark.django_db
def test_figures_of_a_server_that_may_lose_data_are_refused() -> None:
    with pytest.raises(RuntimeError, match="not durable"):
        report.circumstances()


def test_sides_take_turns_and_are_compared_round_by_round() -> None:
    order: list[str] = []

    def side(name: str, done: int) -> Side:
        def turn(_seconds: float) -> Turn:
            order.append(name)
            return Turn([0.5] * done, seconds=1.0)

        return Side(name, turn)

    series = interleave([side("a", 6), side("b", 2)], rounds=3, seconds=5, between=lambda: order.append("-"))
    assert "".join(order) == "ab" + "-a-b" * 3
    assert ratio(series["a"], series["b"]) == Spread(median=3, low=3, high=3)
    assert series["a"].done == 18


def test_percentiles() -> None:
    assert percentile_of([7.0], 99) == 7.0
    assert percentile_of([float(n) for n in range(101)], 50) == 50
    assert percentile_of([float(n) for n in range(101)], 99) == 99


def test_a_section_of_the_page_is_replaced_by_its_next_run(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Benchmarks\n")
    for number in (1, 2):
        for name in ("one", "other"):
            report.write(name, Report(f"Title of {name}", [f"run {number}"]), about="Today.", page=page)
    text = page.read_text()
    assert text.count("Title of one") == text.count("Title of other") == 1
    assert text.count("run 2") == 2
    assert "run 1" not in text


def test_what_the_load_gets_must_be_allowed(live_server: LiveServer) -> None:
    web = Mock(port=urlsplit(live_server.url).port, processor_seconds=lambda: 0.0)
    turn = load(web, [[request("GET", "/healthz/live")] * 3] * 2)
    assert len(turn.latencies) == 6
    with pytest.raises(UnexpectedAnswer, match="401"):
        load(web, [[request("GET", "/api/tasks")]])


def test_without_names_all_that_take_minutes_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert parser().parse_args([]).names == list(NAMES)
    assert parser().parse_args(["scale", "create"]).names == ["scale", "create"]
    with pytest.raises(SystemExit):
        parser().parse_args(["nonsense"])
    assert "there is no benchmark nonsense; there are ceiling, create" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_idle_streams_are_open_while_the_api_is_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "STREAMS", (20,))
    rows = [line.split(" | ") for line in idle.run(stage).text.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows[2:]] == ["| 0", "| 20"]
    assert float(rows[3][1]) > 0
