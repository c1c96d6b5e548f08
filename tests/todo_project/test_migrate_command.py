"""A migration beside running processes gives up a lock that does not come soon, and asks for it again."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.commands import migrate
from django.db import OperationalError, connection, transaction

from tests.aside import aside
from todo_project.management.commands import migrate as ours

pytestmark = pytest.mark.django_db(transaction=True)


def lock_and(then: str, monkeypatch: pytest.MonkeyPatch, times: list[int]) -> None:
    """Have Django's command lock the table of tasks instead, and then run this; it counts its calls."""

    def handle(*_: object, **__: object) -> None:
        times.append(len(times) + 1)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE tasks; {then}")

    monkeypatch.setattr(migrate.Command, "handle", handle)
    monkeypatch.setattr(ours, "PAUSE_SECONDS", 0.0)


def test_it_waits_for_a_lock_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []
    lock_and("", monkeypatch, times)
    monkeypatch.setattr(ours, "LOCK_SECONDS", 0.2)
    said = StringIO()

    def held() -> None:
        call_command("migrate", stderr=said)

    with aside() as start:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE tasks IN ROW EXCLUSIVE MODE")
            running = start(held)
            while not said.getvalue():
                assert not running.done()
        running.result(60)
    assert len(times) >= 2
    assert "canceling statement due to lock timeout: again" in said.getvalue()


def test_other_errors_and_the_last_attempt_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []
    lock_and("DO $$ BEGIN RAISE deadlock_detected; END $$", monkeypatch, times)
    monkeypatch.setattr(ours, "ATTEMPTS", 3)
    with pytest.raises(OperationalError):
        call_command("migrate", stderr=StringIO())
    assert times == [1, 2, 3]
    lock_and("DO $$ BEGIN RAISE disk_full; END $$", monkeypatch, times)
    with pytest.raises(OperationalError):
        call_command("migrate", stderr=StringIO())
    assert times == [1, 2, 3, 4]
    lock_and("", monkeypatch, times)
    call_command("migrate")
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
