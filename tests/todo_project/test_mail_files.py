"""Mails as files have links that reset a password: only their owner can read them."""

import os
import stat
from pathlib import Path

import pytest
from django.core.mail import EmailMessage, get_connection


@pytest.fixture
def usual_umask() -> object:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
def test_a_mail_is_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    with get_connection("todo_project.mail_files.EmailBackend", file_path=str(tmp_path)) as connection:
        connection.send_messages([EmailMessage("Reset", "a link", to=["alice@example.test"])])
    (mail,) = tmp_path.iterdir()
    assert "a link" in mail.read_text()
    assert stat.S_IMODE(mail.stat().st_mode) == 0o600
    (tmp_path / "later").touch()
    assert stat.S_IMODE((tmp_path / "later").stat().st_mode) == 0o644
