"""A real PostgreSQL and a real Valkey, started, stopped, killed and started again."""

import os
import stat
from pathlib import Path

import psycopg
import pytest
import redis

from devkit.embedded import StartError
from devkit.embedded.claim import claim
from devkit.embedded.places import CHECKOUT, Places
from devkit.embedded.postgres_home import find_postgres_home
from devkit.embedded.processes import stop_leftovers
from devkit.embedded.services import Servers, services, temporary_services
from devkit.embedded.valkey import Valkey
from tests.devkit.conftest import processes_of, python_running, wait_until

pytestmark = pytest.mark.slow

HOLD = """
from devkit.embedded.claim import claim
from devkit.embedded.services import services
with claim(places, command="up"), services(places):
    hold()
"""


def ask(servers: Servers, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(servers.environment["DATABASE_URL"]) as connection:
        cursor = connection.execute(query)  # type: ignore[call-overload]
        return list(cursor.fetchall()) if cursor.description else []


def modes_above(path: Path) -> list[int]:
    return [stat.S_IMODE(parent.stat().st_mode) for parent in path.parents if parent.exists()]


def test_they_answer_with_the_settings_we_rely_on_and_leave_nothing_running(places: Places) -> None:
    before = modes_above(CHECKOUT / "todo")
    with claim(places, command="up"), services(places) as servers:
        above = modes_above(places.data)
        asked = "SELECT current_setting('TimeZone'), current_setting('fsync'), datlocale"
        assert ask(servers, f"{asked} FROM pg_database WHERE datname = 'todo'") == [("UTC", "on", "C.UTF-8")]
        ask(servers, "CREATE EXTENSION btree_gin")
        with redis.Redis.from_url(servers.environment["REDIS_URL"]) as valkey:
            assert valkey.ping()
    wait_until(lambda: processes_of(places) == [])
    assert modes_above(places.data) == above
    assert modes_above(CHECKOUT / "todo") == before


def test_no_one_else_can_reach_them(places: Places) -> None:
    with claim(places, command="up"), services(places) as servers:
        sockets = Path(str(ask(servers, "SHOW unix_socket_directories")[0][0]))
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE((places.postgres.resolve() / "cluster").stat().st_mode) == 0o700
        assert ask(servers, "SHOW listen_addresses") == [("",)]
        port = servers.environment["REDIS_URL"].rsplit(":", 1)[1]
        with (
            redis.Redis.from_url(f"redis://127.0.0.1:{port}") as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()


def test_data_survive_a_stop_and_a_kill_of_everything(places: Places) -> None:
    with claim(places, command="up"), services(places) as servers:
        ask(servers, "CREATE TABLE kept (what text); INSERT INTO kept VALUES ('stop')")
        with redis.Redis.from_url(servers.environment["REDIS_URL"]) as valkey:
            valkey.set("kept", "stop")
        ask(servers, "INSERT INTO kept VALUES ('kill')")
        for process in servers.processes.values():
            process.kill()
            process.wait()
    with claim(places, command="up"):
        stop_leftovers(places)
        with services(places) as servers:
            assert ask(servers, "SELECT * FROM kept") == [("stop",), ("kill",)]
            with redis.Redis.from_url(servers.environment["REDIS_URL"]) as valkey:
                assert valkey.get("kept") == b"stop"


def test_they_do_not_outlive_the_process_that_started_them(places: Places) -> None:
    with python_running(HOLD, places) as starter:
        assert len(processes_of(places)) > 2
        starter.kill()
        starter.wait()
        wait_until(lambda: processes_of(places) == [])


def test_what_a_killed_start_left_is_stopped_by_the_next(places: Places) -> None:
    no_farewell = HOLD.replace(
        "with claim",
        "import ctypes, devkit.embedded.processes as p\n"
        "p.ask_for_signal_when_parent_dies = lambda number: None\nwith claim",
    )  # as on systems without it
    with python_running(no_farewell, places) as starter:
        starter.kill()
        starter.wait()
        assert len(processes_of(places)) > 2
    with claim(places, command="up"):
        assert stop_leftovers(places) > 2
        wait_until(lambda: processes_of(places) == [])
        with services(places) as servers:
            assert ask(servers, "SELECT 1") == [(1,)]


def test_a_first_start_that_was_killed_half_way_is_made_good(places: Places) -> None:
    with claim(places, command="up"), services(places):
        pass
    home = places.postgres.resolve()
    (home / "cluster").rename(home / "unfinished")
    (home / "unfinished" / "PG_VERSION").unlink()
    with claim(places, command="up"), services(places) as servers:
        assert ask(servers, "SELECT 1") == [(1,)]
    assert not (home / "unfinished").exists()


def test_a_lock_file_with_the_id_of_some_living_process_stops_no_one(places: Places) -> None:
    with claim(places, command="up"), services(places):
        pass
    stale = places.postgres.resolve() / "cluster" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{stale.parent}\n1\n5432\n\n\n")
    with claim(places, command="up"), services(places) as servers:
        assert ask(servers, "SELECT 1") == [(1,)]


def test_a_cluster_of_another_major_version_is_refused_by_name(places: Places) -> None:
    with claim(places, command="up"), services(places):
        pass
    (places.postgres.resolve() / "cluster" / "PG_VERSION").write_text("14\n")
    with (
        claim(places, command="up"),
        pytest.raises(StartError, match=r"was made by PostgreSQL 14; this is postgres \(PostgreSQL\)"),
        services(places),
    ):
        raise AssertionError("it started")
    wait_until(lambda: processes_of(places) == [])


def test_a_server_that_cannot_start_says_why(places: Places) -> None:
    with claim(places, command="up"), services(places):
        pass
    (places.postgres.resolve() / "cluster" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with (
        claim(places, command="up"),
        pytest.raises(StartError, match=r"PostgreSQL does not start: .*configuration file"),
        services(places),
    ):
        raise AssertionError("it started")
    wait_until(lambda: processes_of(places) == [])


def test_servers_of_ones_own_are_used_instead(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.test/todo")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example.test/0")
    with claim(places, command="up"), services(places) as servers:
        assert servers.environment == {
            "DATABASE_URL": "postgresql://db.example.test/todo",
            "REDIS_URL": "redis://cache.example.test/0",
        }
        assert servers.processes == {}
        wait_until(lambda: processes_of(places) == [])


def test_a_first_start_that_fails_says_why(places: Places) -> None:
    with claim(places, command="up"):
        home = find_postgres_home(places)
        (home.folder / "unfinished").touch()  # a file where the folder would be made
        with pytest.raises(StartError, match="initdb failed: "), services(places):
            raise AssertionError("it started")
    wait_until(lambda: processes_of(places) == [])


def test_valkey_says_why_it_does_not_start(places: Places) -> None:
    places.make()
    valkey = Valkey(places, durable=True)
    places.valkey.mkdir()
    (places.valkey / "appendonlydir").touch()  # a file where its folder belongs
    try:
        valkey.start()
        with pytest.raises(StartError, match=r"Valkey does not start: .*appendonlydir"):
            valkey.wait_until_ready()
    finally:
        valkey.stop()


def test_a_wheel_of_valkey_without_a_server_says_what_to_do(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.make()
    monkeypatch.setattr("devkit.embedded.valkey.wheel_folder", lambda package: tmp_path)
    with pytest.raises(StartError, match=r"no server for this platform; set REDIS_URL to one of your own\."):
        Valkey(places, durable=True).start()


def test_what_killed_test_runs_left_is_removed_and_nothing_of_anyone_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: Places
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    prefix = f"todo-test-{os.geteuid()}-"
    home = tmp_path / "home"
    old, young, link = (temporary / f"{prefix}{name}" for name in ("old", "young", "link"))
    for folder in (home, old, young):
        folder.mkdir()
    link.symlink_to(home)
    for folder in (home, old):
        os.utime(folder, (0, 0))
    with temporary_services("test"):
        assert not old.exists()
    assert sorted(temporary.glob(f"{prefix}*")) == [link, young]
    assert home.exists()


def test_temporary_servers_leave_no_trace(places: Places) -> None:
    with temporary_services("test") as servers:
        cluster = Path(str(ask(servers, "SHOW data_directory")[0][0]))
        assert ask(servers, "SHOW fsync") == [("off",)]
    assert not cluster.parent.exists()
    assert all(process.poll() is not None for process in servers.processes.values())
