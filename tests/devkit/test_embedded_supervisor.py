"""Roles that run side by side, are started again, and end together."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from devkit.embedded import EXPLAINED, ExplainedError, StartError
from devkit.embedded.children import spawning
from devkit.embedded.places import Places
from devkit.embedded.processes import last_line, open_log
from devkit.embedded.supervisor import Supervisor, procfile
from tests.devkit.conftest import environment_for, processes_of, wait_until

pytestmark = pytest.mark.slow

STUBBORN = """sh -c 'trap "" TERM; (trap "" TERM; echo child; while :; do sleep 0.1; done) & echo up; wait'"""


@pytest.fixture
def supervisor(places: Places) -> Supervisor:
    places.make()
    return Supervisor(places, spawning(places, environment_for(places)))


def log(places: Places, name: str) -> str:
    file = places.logs / f"{name}.log"
    return file.read_text() if file.exists() else ""


def test_lines_go_to_the_terminal_under_a_name_and_to_a_log(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    places.make()
    with Supervisor(places, spawning(places, environment_for(places))) as supervisor:
        supervisor.run("greeter", "printf 'hello\\nworld\\n'")
    assert log(places, "greeter") == "hello\nworld\n"
    assert re.fullmatch(r"\S+ greeter  \| hello\n\S+ greeter  \| world\n", capsys.readouterr().out)


def test_a_command_that_fails_is_named(places: Places, supervisor: Supervisor) -> None:
    expected = rf"prepare failed with exit code 3 \(see {re.escape(str(places.logs))}/prepare.log\)"
    with supervisor, pytest.raises(StartError, match=expected):
        supervisor.run("prepare", "sh -c 'exit 3'")


def test_the_reason_a_command_gives_is_the_last_line_whatever_others_write(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    places.make()
    supervisor = Supervisor(places, spawning(places, environment_for(places)))
    with pytest.raises(ExplainedError), supervisor:
        supervisor.start("web", "sh -c 'while :; do echo busy; sleep 0.01; done'")
        supervisor.run("prepare", f"sh -c 'echo away; exit {EXPLAINED}'")
    assert capsys.readouterr().out.splitlines()[-1].endswith("prepare  | away")


def test_lines_that_come_during_a_command_are_printed_after_it(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places.make()
    supervisor = Supervisor(places, spawning(places, environment_for(places)))
    written = tmp_path / "written"
    with supervisor:
        supervisor.start("web", f"""sh -c 'echo early; touch "{written}"'""")
        supervisor.run("prepare", f"""sh -c 'until [ -e "{written}" ]; do sleep 0.01; done; echo prepared'""")
    printed = [line.partition("| ")[2] for line in capsys.readouterr().out.splitlines()]
    assert printed == ["prepared", "early"]


def test_when_one_ends_during_the_start_the_others_are_stopped(
    places: Places, supervisor: Supervisor
) -> None:
    with pytest.raises(StartError, match="relay ended with exit code 7"), supervisor:
        supervisor.start("web", "sleep 600")
        supervisor.start("relay", "sh -c 'exit 7'")
        supervisor.require_all_running([], seconds=5)
    wait_until(lambda: processes_of(places) == [])


class EnoughError(Exception):
    """Ends what would go on until a signal comes."""


class Server:
    """A server that ends once, as soon as it is looked at; and ends the test when that has seen enough."""

    name = "postgres"

    def __init__(self, enough: Callable[[], bool]) -> None:
        self.restarts = 0
        self._enough, self._until = enough, time.monotonic() + 60

    def exit_code(self) -> int | None:
        if self._enough() or time.monotonic() > self._until:
            raise EnoughError
        return None if self.restarts else -9

    def restart(self) -> None:
        self.restarts += 1


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devkit.embedded.supervisor.FIRST_WAIT_SECONDS", 0.1)


def test_what_ends_is_started_again_and_it_says_so(
    places: Places, supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EnoughError), supervisor:
        supervisor.start("web", "sh -c 'echo up; exec sleep 600'")
        supervisor.start("relay", "sh -c 'echo up; sleep 0.1; exit 7'")
        server = Server(lambda: log(places, "web") == "up\n" and log(places, "relay").count("up") >= 3)
        supervisor.keep([server])
    assert log(places, "web") == "up\n"
    assert log(places, "relay").count("up") >= 3
    assert server.restarts == 1
    output = capsys.readouterr().out
    logs = re.escape(str(places.logs))
    for name, code, wait in [("postgres", -9, "0.1"), ("relay", 7, "0.1"), ("relay", 7, "0.2")]:
        seen = rf"ended with exit code {code} \(see {logs}/{name}\.log\)"
        assert re.search(
            rf"^\./todo: {name} {seen}; it is started again in {wait} s\.$", output, re.MULTILINE
        )
    wait_until(lambda: processes_of(places) == [])


class Unwilling(Server):
    """It cannot be started the first two times."""

    def restart(self) -> None:
        self.restarts += 1
        if self.restarts < 3:
            raise OSError("no memory")

    def exit_code(self) -> int | None:
        code = super().exit_code()
        return code if self.restarts == 0 or self.restarts >= 3 else -9


def test_what_cannot_be_started_is_tried_again_while_the_others_run(
    places: Places, supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EnoughError), supervisor:
        supervisor.start("web", "sh -c 'echo up; exec sleep 600'")
        server = Unwilling(lambda: server.restarts == 3 and bool(log(places, "web")))
        supervisor.keep([server])
    assert server.restarts == 3
    assert log(places, "web") == "up\n"
    said = "./todo: postgres cannot be started (no memory); it is started again in 0.2 s."
    assert said in capsys.readouterr().out


def test_what_a_killed_role_leaves_is_gone_before_it_is_started_again(
    places: Places, supervisor: Supervisor
) -> None:
    with pytest.raises(EnoughError), supervisor:
        supervisor.start("web", "sh -c 'sleep 600 & echo up; sleep 0.1; kill -9 $$'")
        supervisor.keep([Server(lambda: log(places, "web").count("up") == 2)])
    assert log(places, "web").count("up") == 2
    wait_until(lambda: processes_of(places) == [])


def test_a_role_that_has_ended_is_no_longer_counted_in_the_metrics(places: Places) -> None:
    """prometheus_client adds up these files of all processes; it is for others to say that one has ended."""
    places.make()
    places.metrics.mkdir()
    environment = environment_for(places, METRICS=str(places.metrics))
    with pytest.raises(EnoughError), Supervisor(places, spawning(places, environment)) as supervisor:
        supervisor.start("stream", """sh -c 'touch "$METRICS/gauge_livesum_$$.db"; echo up; exit 7'""")
        supervisor.keep([Server(lambda: log(places, "stream").count("up") == 2)])
    assert log(places, "stream").count("up") == 2
    assert len(list(places.metrics.iterdir())) == 1


def test_what_does_not_obey_is_killed_with_its_children(
    places: Places, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devkit.embedded.supervisor.STOP_SECONDS", 0.5)
    with supervisor:
        supervisor.start("stubborn", STUBBORN)
        while not {"up", "child"} <= set(log(places, "stubborn").split()):
            supervisor.require_all_running([], seconds=0.1)
        assert len(processes_of(places)) >= 2
    wait_until(lambda: processes_of(places) == [])


def test_a_terminal_that_has_gone_stops_nothing(
    places: Places, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_printer: object, _message: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("honcho.printer.Printer.write", gone)
    with supervisor:
        supervisor.run("greeter", "printf 'hello\\nworld\\n'")
    assert log(places, "greeter") == "hello\nworld\n"


def test_the_procfile_names_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    assert list(procfile()) == ["web", "worker", "ticker", "beat", "stream", "relay"]
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    assert list(procfile())[-1] == "consumers"


def test_a_log_that_has_grown_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devkit.embedded.processes.LOG_LIMIT_BYTES", 3)
    for text in (b"one\n", b"two\n"):
        with open_log(tmp_path / "web.log") as opened:
            opened.write(text)
    assert (tmp_path / "web.log.1").read_text() == "one\n"
    assert (tmp_path / "web.log").read_text() == "two\n"


def test_the_last_line_of_a_log_is_the_last_that_says_something(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\n\n")
    assert last_line(tmp_path / "log") == "two"
    (tmp_path / "log").write_text("\n")
    assert last_line(tmp_path / "log") == "its log is empty"
