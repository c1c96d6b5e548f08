"""A deployment waits for PostgreSQL before it migrates, and says what it waits for."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from todo_project.management.commands import wait_for_database


class Database:
    """Away for `attempts`, each with its reason, and then there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *attempts: str) -> None:
        self.slept = 0.0
        self._reasons = list(attempts)
        monkeypatch.setattr(connection, "ensure_connection", self._connect)
        monkeypatch.setattr(wait_for_database, "monotonic", lambda: self.slept)
        monkeypatch.setattr(wait_for_database, "sleep", self._sleep)

    def _connect(self) -> None:
        if self._reasons:
            raise OperationalError(self._reasons.pop(0))

    def _sleep(self, seconds: float) -> None:
        self.slept += seconds


def test_it_says_each_reason_once_and_ends_when_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    refused, starting = "connection refused\n\tIs it running?", "the database system is starting up"
    database = Database(monkeypatch, refused, refused, starting)
    said = StringIO()
    call_command("wait_for_database", stderr=said)
    assert said.getvalue().splitlines() == [
        "Waiting for PostgreSQL: connection refused Is it running?",
        "Waiting for PostgreSQL: the database system is starting up",
    ]
    assert database.slept == 3


def test_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    Database(monkeypatch, *["no route to host"] * 100)
    with pytest.raises(CommandError, match="PostgreSQL did not answer for 5 s: no route to host"):
        call_command("wait_for_database", seconds=5, stderr=StringIO())


@pytest.mark.django_db
def test_it_does_not_wait_for_one_that_answers() -> None:
    said = StringIO()
    call_command("wait_for_database", seconds=0, stderr=said)
    assert said.getvalue() == ""
