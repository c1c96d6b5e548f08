"""Processes that run side by side and end together."""

import re
from pathlib import Path

import pytest

from devkit.embedded import StartError
from devkit.embedded.places import Places
from devkit.embedded.processes import last_line, open_log
from devkit.embedded.supervisor import Supervisor, procfile
from tests.devkit.conftest import environment_for, processes_of, wait_until

pytestmark = pytest.mark.slow

STUBBORN = """sh -c 'trap "" TERM; (trap "" TERM; echo child; while :; do sleep 0.1; done) & echo up; wait'"""


@pytest.fixture
def supervisor(places: Places) -> Supervisor:
    places.make()
    return Supervisor(places, environment_for(places))


def log(places: Places, name: str) -> str:
    file = places.logs / f"{name}.log"
    return file.read_text() if file.exists() else ""


def test_lines_go_to_the_terminal_under_a_name_and_to_a_log(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    places.make()
    with Supervisor(places, environment_for(places)) as supervisor:
        supervisor.run("greeter", "printf 'hello\\nworld\\n'")
    assert log(places, "greeter") == "hello\nworld\n"
    assert re.fullmatch(r"\S+ greeter  \| hello\n\S+ greeter  \| world\n", capsys.readouterr().out)


def test_a_command_that_fails_is_named(places: Places, supervisor: Supervisor) -> None:
    expected = rf"prepare failed with exit code 3 \(see {re.escape(str(places.logs))}/prepare.log\)"
    with supervisor, pytest.raises(StartError, match=expected):
        supervisor.run("prepare", "sh -c 'exit 3'")


def test_when_one_ends_the_others_are_stopped(places: Places, supervisor: Supervisor) -> None:
    with pytest.raises(StartError, match="relay ended with exit code 7"), supervisor:
        supervisor.start("web", "sleep 600")
        supervisor.start("relay", "sh -c 'sleep 0.2; exit 7'")
        supervisor.wait({})
    assert processes_of(places) == []


def test_what_does_not_obey_is_killed_with_its_children(
    places: Places, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devkit.embedded.supervisor._STOP_SECONDS", 0.5)
    with supervisor:
        supervisor.start("stubborn", STUBBORN)
        wait_until(lambda: {"up", "child"} <= set(log(places, "stubborn").split()))
        assert len(processes_of(places)) >= 2
    assert processes_of(places) == []


def test_a_terminal_that_has_gone_stops_nothing(
    places: Places, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_message: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(supervisor._printer, "write", gone)
    with supervisor:
        supervisor.run("greeter", "printf 'hello\\nworld\\n'")
    assert log(places, "greeter") == "hello\nworld\n"


def test_the_procfile_names_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    assert list(procfile()) == ["web", "worker", "ticker", "beat", "stream", "relay"]
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    assert list(procfile())[-1] == "consumers"


def test_a_log_that_has_grown_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devkit.embedded.processes._LOG_LIMIT_BYTES", 3)
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
