"""The data directory: closed to others, and nothing of other users is touched."""

import os
import stat
from pathlib import Path

import pytest

from devkit.embedded import StartError
from devkit.embedded.places import CHECKOUT, Places, places_of_this_checkout, wheel_folder


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_in_it_is_closed_to_other_users(tmp_path: Path) -> None:
    places = Places(data=tmp_path / "new" / "data")
    places.make()
    made = (places.data.parent, places.data, places.secrets, places.logs, places.mails)
    assert {mode_of(folder) for folder in made} == {0o700}


def test_kafka_that_is_the_first_command_leaves_the_data_directory_closed(tmp_path: Path) -> None:
    Places(data=tmp_path / ".data" / "kafka").make()
    assert mode_of(tmp_path / ".data") == 0o700


def test_mails_that_an_earlier_release_left_open_are_closed(tmp_path: Path) -> None:
    places = Places(data=tmp_path / "data")
    places.mails.mkdir(parents=True)
    places.mails.chmod(0o755)
    places.make()
    assert mode_of(places.mails) == 0o700


def test_a_folder_that_was_there_keeps_its_permissions(tmp_path: Path) -> None:
    home, data = tmp_path / "home", tmp_path / "home" / "data"
    home.mkdir()
    data.mkdir()
    home.chmod(0o750)
    data.chmod(0o755)
    Places(data=data).make()
    assert (mode_of(home), mode_of(data)) == (0o750, 0o755)


def test_a_data_directory_of_another_user_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    data = tmp_path / "theirs"
    if os.geteuid() == 0:
        data.mkdir()
        os.chown(data, 65534, 65534)
    else:
        data = Path("/usr")
    before = sorted(data.iterdir())
    with pytest.raises(StartError, match=f"{data} belongs to user"):
        Places(data=data).make()
    assert sorted(data.iterdir()) == before


def test_a_data_directory_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=f"cannot make the data directory {tmp_path}/file/data: "):
        Places(data=tmp_path / "file" / "data").make()


def test_the_data_directory_is_dot_data_or_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TODO_DATA_DIR", raising=False)
    assert places_of_this_checkout().data == CHECKOUT / ".data"
    monkeypatch.setenv("TODO_DATA_DIR", "elsewhere")
    assert places_of_this_checkout().data == CHECKOUT / "elsewhere"


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(StartError, match="the package no_such_package is not installed"):
        wheel_folder("no_such_package")
