"""Mails as files have links that reset a password: only their owner can read them."""

import os
import stat
import subprocess
import sys
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


@pytest.mark.parametrize("url", ["filemail:///tmp/mails", "filemail:////tmp/mails"])
def test_the_folder_is_that_of_the_url_wherever_the_process_was_started(url: str) -> None:
    """An image is read-only where its processes start."""
    ask = "from todo_project import settings; print(settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH)"
    environment = os.environ | {"EMAIL_URL": url, "EMAIL_BACKEND": ""}
    said = subprocess.run(
        [sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["todo_project.mail_files.EmailBackend", "/tmp/mails"]
