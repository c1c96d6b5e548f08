"""`./todo up`, as a person runs it: ready, stopped, killed, started again."""

import json
import os
import re
import signal
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from devkit.embedded.places import CHECKOUT, Places
from devkit.embedded.supervisor import procfile
from tests.devkit.conftest import processes_of, wait_until
from tests.devkit.running import Up, todo, up

pytestmark = pytest.mark.slow

STOPPED_WITHIN_SECONDS = 120  # a few on a quiet machine

MAKE_DORA = (
    "from accounts_app.models import User; User.objects.create_user('dora@example.test', 'long pass word')"
)
COUNT_DORA = (
    "from accounts_app.models import User; print(User.objects.filter(email__startswith='dora@').count())"
)

# Of the instance, and not of the shell of a later command.
SETTINGS = {"EVENT_MAX_ATTEMPTS": "7", "CORS_ALLOWED_ORIGINS": "https://app.example.test"}
SHOW_SETTINGS = (
    "from django.conf import settings; print(settings.EVENT_MAX_ATTEMPTS, settings.CORS_ALLOWED_ORIGINS)"
)


def modes_of(folders: list[Path]) -> dict[Path, int]:
    return {folder: folder.stat().st_mode for folder in folders}


def test_one_life_of_an_instance(places: Places, free_port: int) -> None:
    places.data.parent.mkdir(parents=True)
    places.data.parent.chmod(0o751)
    above = [*places.data.parents, *CHECKOUT.parents, CHECKOUT]
    before = modes_of(above)

    with up(places, free_port, **SETTINGS) as first:
        # Not always the last line: a busy machine has something to warn of.
        (ready,) = [line for line in first.output.splitlines() if "Ready: " in line]
        assert ready.startswith("Ready: ")
        assert "superuser" not in first.output
        assert {file.name for file in places.ready.iterdir()} == {"worker", "ticker", "beat"}
        for part in (
            f"{first.url}/api/",
            f"{first.url}/api/docs",
            f"{first.url}/admin/",
            "operator@example.test",
        ):
            assert part in first.output
        assert (places.secrets / "operator_password").exists()
        with urllib.request.urlopen(f"{first.url}/healthz/ready?all=true") as answer:
            assert answer.status == 200
        assert places.environment.stat().st_mode & 0o777 == 0o600
        holder = {"pid": first.process.pid, "command": "up", "url": first.url}
        assert json.loads(places.lock.read_text()) == holder
        refuse_a_second_one(places, free_port)
        made = todo(places, "manage", "shell", "-c", MAKE_DORA)
        assert made.returncode == 0, made.stderr
        settings = todo(places, "manage", "shell", "-c", SHOW_SETTINGS)
        assert settings.stdout.strip().splitlines()[-1] == "7 ['https://app.example.test']", settings.stderr
        assert {folder.stat().st_mode & 0o777 for folder in (places.data, places.mails)} == {0o700}
        assert first.stop(signal.SIGINT) < STOPPED_WITHIN_SECONDS
        assert first.process.returncode == 0
    wait_until(lambda: processes_of(places) == [])
    assert not places.environment.exists()

    with up(places, free_port, PYTHONPROFILEIMPORTTIME="1") as second:
        counted = todo(places, "manage", "shell", "-c", COUNT_DORA)
        assert counted.stdout.strip().splitlines()[-1] == "1", counted.stderr
        assert second.stop(signal.SIGTERM) < STOPPED_WITHIN_SECONDS
        assert second.process.returncode == 0
    wait_until(lambda: processes_of(places) == [])
    assert modes_of(above) == before
    if sys.platform == "linux":  # elsewhere the roles are no forks
        assert "import time:" in second.output
        assert {role: imported for role in procfile() if (imported := imported_by(places, role))} == {}


def imported_by(places: Places, role: str) -> set[str]:
    """What each process of the role has imported for itself: memory that the launcher could share with it."""
    log = places.logs / f"{role}.log"
    lines = re.findall(r"^import time:[ \d]+\|[ \d]+\| +(\S+)$", log.read_text(), re.MULTILINE)
    return {name for name in lines if name.partition(".")[0] not in sys.stdlib_module_names}


def refuse_a_second_one(places: Places, port: int) -> None:
    again = todo(places, "up", PORT=str(port))
    assert again.returncode == 1
    assert again.stderr.startswith(
        f"./todo: the data directory {places.data} is in use by `./todo up` (process "
    )
    assert again.stderr.count("\n") == 1
    elsewhere = Places(data=places.data.parent / "other")
    taken = todo(elsewhere, "up", PORT=str(port))
    assert taken.returncode == 1
    assert taken.stderr == f"./todo: port {port} on 127.0.0.1 is taken; choose another with PORT.\n"


@pytest.mark.usefixtures("migrated")
def test_after_a_kill_the_next_start_is_ready(places: Places, free_port: int) -> None:
    with up(places, free_port) as first:
        for process in [*psutil.Process(first.process.pid).children(recursive=True), first.process]:
            process.kill()
    with up(places, free_port) as second:
        second.process.kill()  # the supervisor alone
    with up(places, free_port) as third:
        assert third.stop(signal.SIGTERM) < STOPPED_WITHIN_SECONDS
    wait_until(lambda: processes_of(places) == [])


@pytest.mark.usefixtures("migrated")
def test_what_dies_is_started_again_while_the_others_run(places: Places, free_port: int) -> None:
    with up(places, free_port) as running:
        for name in ("todo-relay", "todo-web", "valkey-server", "postgres"):
            victim = running.child(name)
            assert victim
            others = {child.pid for child in running.children()} - {victim.pid}
            victim.kill()
            victim.wait(60)
            wait_until(lambda name=name: running.child(name))
            wait_until(lambda: running.status("/healthz/ready?all=true") == 200)
            assert others <= {child.pid for child in running.children()}
            role = {"valkey-server": "valkey"}.get(name, name.removeprefix("todo-"))
            assert f"./todo: {role} ended with exit code -9" in running.output
        assert running.stop(signal.SIGTERM) < STOPPED_WITHIN_SECONDS
    wait_until(lambda: processes_of(places) == [])


@pytest.mark.usefixtures("migrated")
def test_a_web_worker_that_dies_is_replaced_while_the_other_serves(places: Places, free_port: int) -> None:
    with up(places, free_port) as running:
        web = running.child("todo-web")
        assert web
        before = web.children()
        assert len(before) == 2
        before[0].kill()
        before[0].wait(60)  # a request in its hands is lost with it
        assert [running.status("/healthz/live") for _request in range(50)] == [200] * 50
        wait_until(lambda: len(set(web.children()) - {before[0]}) == 2)
        assert before[1] in web.children()
        assert [running.status("/healthz/live") for _request in range(50)] == [200] * 50
        assert "./todo: web ended" not in running.output


def processes_in_metrics(running: Up) -> set[str]:
    token = {"Authorization": f"Bearer {running.settings['METRICS_TOKEN']}"}
    with urllib.request.urlopen(urllib.request.Request(f"{running.url}/metrics", headers=token)) as answer:
        return set(re.findall(r'^todo_processes{process="([^"]+)"}', answer.read().decode(), re.MULTILINE))


@pytest.mark.usefixtures("migrated")
def test_the_roles_are_forks_that_a_person_finds_by_name(places: Places, free_port: int) -> None:
    with up(places, free_port) as running:
        names = {child.name() for child in running.children()}
        assert names == {"postgres", "valkey-server", *(f"todo-{role}" for role in procfile())}
        assert {"todo-web", "todo-stream", "todo-relay", "todo-ticker"} <= processes_in_metrics(running)
        # Each in a session of its own, so that Ctrl-C in the terminal is the launcher's to pass on.
        assert all(os.getsid(child.pid) == child.pid for child in running.children())


def test_a_signal_during_the_start_stops_it_as_well(places: Places, free_port: int) -> None:
    starting = Up(places, free_port)
    wait_until(lambda: (places.logs / "postgres.log").exists())
    assert starting.stop(signal.SIGINT) < STOPPED_WITHIN_SECONDS
    assert starting.process.returncode == 0, starting.output
    # A server that was just being started is not known to us yet: it ends because we did.
    wait_until(lambda: processes_of(places) == [])


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(places: Places, port: str) -> None:
    refused = todo(places, "up", PORT=port)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"./todo: PORT is '{port}'; it must be a number from 1 to 65535.\n"


def test_manage_starts_the_servers_it_needs_and_none_that_it_does_not(places: Places) -> None:
    checked = todo(places, "manage", "check")
    assert checked.returncode == 0, checked.stderr
    assert not Path(places.data).exists()
    shown = todo(places, "manage", "showmigrations", "accounts_app")
    assert shown.returncode == 0, shown.stderr
    assert "0001" in shown.stdout
    wait_until(lambda: processes_of(places) == [])


def test_with_json_every_line_of_every_process_is_json(places: Places, free_port: int) -> None:
    with up(places, free_port, LOG_FORMAT="json") as running:
        (ready,) = [line for line in running.output.splitlines() if "Ready: " in line]
        assert json.loads(ready)["event"].startswith("Ready: ")
        assert running.status("/api/nothing") == 404
        assert running.stop(signal.SIGTERM) < STOPPED_WITHIN_SECONDS
    roles = [places.logs / f"{role}.log" for role in (*procfile(), "prepare")]
    for written in (running.output, *(log.read_text() for log in roles if log.exists())):
        for line in written.splitlines():
            assert {"event", "logger", "level", "timestamp"} <= set(json.loads(line)), line
    web = [json.loads(line) for line in (places.logs / "web.log").read_text().splitlines()]
    # At their source, so that it holds for a process without this launcher too.
    assert {"_granian", "http_app.request_log"} <= {line["logger"] for line in web}


@pytest.mark.usefixtures("migrated")
def test_a_start_that_waits_says_what_for(places: Places, free_port: int) -> None:
    for away, said in (
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "waiting: Redis or Valkey (REDIS_URL): does not answer"),
        (
            {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
            "waiting: Kafka at 127.0.0.1:1 (KAFKA_BOOTSTRAP_SERVERS)",
        ),
    ):
        waiting = Up(places, free_port, **away)
        try:
            wait_until(lambda waiting=waiting, said=said: said in waiting.output)
            assert "Ready: " not in waiting.output
        finally:
            waiting.stop(signal.SIGTERM)


@pytest.mark.usefixtures("migrated")
def test_a_database_that_is_wrong_or_away_is_one_line(places: Places, free_port: int) -> None:
    for url, reason in (
        ("mysql://db/todo", "DATABASE_URL names no PostgreSQL: write postgresql://"),
        ("postgresql://todo@[::1/todo", "DATABASE_URL cannot be read: "),
    ):
        refused = todo(places, "up", PORT=str(free_port), DATABASE_URL=url)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"./todo: {reason}")
        assert refused.stderr.count("\n") == 1
    refused = todo(places, "up", PORT=str(free_port), DATABASE_URL="postgresql://todo@127.0.0.1:1/todo")
    assert (refused.returncode, refused.stderr) == (1, "")
    assert "PostgreSQL does not answer (DATABASE_URL): " in refused.stdout.splitlines()[-1]
    assert refused.stdout.count("Connection refused") == 1
    assert "Traceback" not in refused.stdout
    refused = todo(places, "up", PORT=str(free_port), OPERATOR_PASSWORD="admin")
    assert (refused.returncode, refused.stderr) == (1, "")
    assert "OPERATOR_PASSWORD is too weak: " in refused.stdout.splitlines()[-1]
