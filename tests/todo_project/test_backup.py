"""A backup under load has all that was acknowledged before it began, and restores elsewhere or not at all.

A larger one: BACKUP_CHANGES=10000 ./todo test -n 0 -s -m slow tests/todo_project/test_backup.py -k under_load
"""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from threading import Event
from time import monotonic

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.models import OutboxEvent
from tasks_app.models import Task
from tasks_app.services import create_task, update_task
from todo_project.restored import MORE_IDS, MORE_VERSIONS

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# Of each worker of pytest-xdist, as all share one server.
ELSEWHERE = f"restored_elsewhere_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


@pytest.fixture
def elsewhere() -> Iterator[Callable[..., str]]:
    """`elsewhere(command, file)`: what the command prints on another, empty database of the same server."""
    here = connections.settings["default"]["NAME"]

    def name(database: str) -> None:
        connection.close()
        connections.settings["default"]["NAME"] = database

    def run(*arguments: object, **options: object) -> str:
        name(ELSEWHERE)
        said = StringIO()
        call_command(*arguments, stdout=said, **options)
        return said.getvalue()

    _execute(f"DROP DATABASE IF EXISTS {ELSEWHERE}", f"CREATE DATABASE {ELSEWHERE}")
    yield run
    name(here)
    _execute(f"DROP DATABASE {ELSEWHERE} WITH (FORCE)")


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_under_load_all_that_was_acknowledged_is_restored(
    alice: User, tmp_path: Path, elsewhere: Callable[..., str]
) -> None:
    acknowledged: dict[int, int] = {}
    changes = int(os.environ.get("BACKUP_CHANGES", "40"))
    stopping, deadline = Event(), monotonic() + 240 + changes / 10

    def write(number: int) -> None:
        try:
            task = create_task(user=alice, title=f"task {number}")
            while True:
                acknowledged[task.pk] = task.version  # the last one, too
                if stopping.is_set() or monotonic() > deadline:
                    return
                if task.version == 5:
                    task = create_task(user=alice, title=f"another of {number}")
                else:
                    task = update_task(task, title=f"version {task.version + 1}")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, number) for number in range(4)]
        while sum(dict(acknowledged).values()) < changes:
            assert monotonic() < deadline
            stopping.wait(0.05)
        before = dict(acknowledged)
        call_command("backup", tmp_path / "copy", stdout=StringIO())
        during = sum(dict(acknowledged).values()) - sum(before.values())
        stopping.set()
        for writer in writers:
            writer.result()
    assert during > 0
    said = elsewhere("restore", tmp_path / "copy", exact=True)
    rows = dict(Task.objects.values_list("id", "version"))
    assert all(rows[task] >= version for task, version in before.items())
    assert all(version <= acknowledged[task] for task, version in rows.items() if task in acknowledged)
    # The events of exactly these changes, since change and event are one transaction.
    events = OutboxEvent.objects.filter(topic="task-events").values_list("subject", "sequence")
    assert sorted(events) == sorted((str(t), v) for t, last in rows.items() for v in range(1, last + 1))
    assert f"tasks {len(rows):>27,}" in said
    figures = f"{sum(before.values())} changes before the backup, {during} meanwhile: none is missing"
    sys.stdout.write(figures)
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["copy"]


def test_what_others_saw_of_the_lost_time_does_not_come_again(
    alice: User, tmp_path: Path, elsewhere: Callable[..., str], client_of: Callable[[User], APIClient]
) -> None:
    task = update_task(create_task(user=alice, title="kept"), title="kept and changed")
    call_command("backup", tmp_path / "copy", stdout=StringIO())
    elsewhere("restore", tmp_path / "copy")
    client = client_of(User.objects.get())
    changed = client.patch(f"/api/tasks/{task.pk}", {"title": "after"})
    assert (changed.status_code, changed.data["version"]) == (200, 2 + MORE_VERSIONS + 1)
    made = client.post("/api/tasks", {"title": "new"})
    assert made.data["id"] > task.pk + MORE_IDS - 1
    assert made.data["version"] == 1


def test_a_database_with_tables_is_overwritten_only_by_its_name(
    alice: User, tmp_path: Path, elsewhere: Callable[..., str]
) -> None:
    create_task(user=alice, title="of the copy")
    call_command("backup", tmp_path / "copy", stdout=StringIO())
    elsewhere("restore", tmp_path / "copy")
    Task.objects.get()
    create_task(user=User.objects.get(), title="newer")
    with pytest.raises(CommandError, match="tables, which are not overwritten"):
        elsewhere("restore", tmp_path / "copy")
    with pytest.raises(CommandError, match=f"the database is {ELSEWHERE}, not todo"):
        elsewhere("restore", tmp_path / "copy", overwrite="todo")
    # A copy that was cut short, and one session that is still at work: nothing changes.
    short = tmp_path / "short"
    short.write_bytes((tmp_path / "copy").read_bytes()[:100_000])
    with pytest.raises(CommandError, match="Nothing was restored: pg_restore"):
        elsewhere("restore", short, overwrite=ELSEWHERE)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(Task.objects.count).result() == 2
        with pytest.raises(CommandError, match="1 other sessions use the database"):
            elsewhere("restore", tmp_path / "copy", overwrite=ELSEWHERE)
        pool.submit(lambda: connection.close()).result()
    assert Task.objects.count() == 2
    elsewhere("restore", tmp_path / "copy", overwrite=ELSEWHERE)
    assert [task.title for task in Task.objects.all()] == ["of the copy"]


def test_a_copy_of_a_newer_release_is_refused_and_of_an_older_one_says_what_it_needs(
    alice: User, tmp_path: Path, elsewhere: Callable[..., str]
) -> None:
    _execute(
        "DELETE FROM django_migrations WHERE name = '0017_versions_of_tags_and_priorities'",
    )
    try:
        call_command("backup", tmp_path / "older", stdout=StringIO())
        _execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('tasks_app', '9999_newer', now())"
        )
        call_command("backup", tmp_path / "newer", stdout=StringIO())
    finally:
        _execute(
            "DELETE FROM django_migrations WHERE name = '9999_newer'",
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('tasks_app', '0017_versions_of_tags_and_priorities', now())",
        )
    assert "Missing: tasks_app.0017_versions_of_tags_and_priorities" in elsewhere(
        "restore", tmp_path / "older"
    )
    with pytest.raises(CommandError, match=r"newer release, which knows tasks_app\.9999_newer"):
        elsewhere("restore", tmp_path / "newer", overwrite=ELSEWHERE)


def test_no_file_is_overwritten_or_left_half_written(
    tmp_path: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    there.write_text("kept")
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", there)
    assert there.read_text() == "kept"
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        call_command("backup", tmp_path / "no folder" / "copy")
    with pytest.raises(CommandError, match="is not there"):
        call_command("restore", tmp_path / "nothing")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pg_dump").write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 18.9" && exit\nexit 3\n'
    )
    (programs / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(CommandError, match="pg_dump: it ended with 3"):
        call_command("backup", tmp_path / "copy")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bin", "there"]
