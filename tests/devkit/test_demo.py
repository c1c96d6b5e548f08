"""`./todo demo`: the whole story for real, and what it says when something does not hold."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from devkit.demo import story
from devkit.demo.__main__ import sum_up, tell
from devkit.demo.instance import Instance
from devkit.demo.push_service import PushService, push_service
from devkit.demo.steps import Teller
from devkit.demo.story import Story
from devkit.embedded.instance import new_vapid_key
from devkit.embedded.places import CHECKOUT, Places
from notifications_app.models import PushSubscription
from tasks_app.models import Task
from tests.devkit.conftest import environment_for, processes_of, python_running, wait_until

COMMAND = [sys.executable, "-m", "devkit.demo"]
STEPS = [
    *("Instance", "Register", "Sign in", "Subscribe", "Connect", "Create", "Live", "Event", "Reminder"),
    *("Web Push", "Trace", "Complete", "Next", "Only once", "Private", "Quiet"),
]


@pytest.fixture
def push() -> Iterator[PushService]:
    with push_service() as service:
        yield service


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the demo puts an instance of its own."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


class PlayedStream:
    """A live stream that sends everything at once, where no process serves one."""

    def __init__(self, _url: str, _ticket: str) -> None: ...

    def find(self, _task_id: int, _version: int) -> tuple[float, dict[str, Any]]:
        return time.monotonic(), {"changes": {"title": story.TITLE}}


@pytest.fixture
def only_web(live_server: LiveServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """An instance of which only the web process runs: no relay, no worker, no beat; its stream is played."""
    monkeypatch.setattr(story, "LiveStream", PlayedStream)
    settings.VAPID_PRIVATE_KEY = new_vapid_key()
    settings.PUSH_ALLOW_INSECURE_ENDPOINTS = True
    at = connection.get_connection_params()
    parts = {name: at[name] for name in ("host", "port", "user", "password", "dbname") if name in at}
    return Instance(live_server.url, database_url=make_conninfo(**parts))


def demo(places: Places, **environment: str) -> subprocess.CompletedProcess[str]:
    given = environment_for(places, **environment)
    return subprocess.run(COMMAND, cwd=CHECKOUT, env=given, capture_output=True, text=True, check=False)


def told(output: str) -> list[tuple[str, str]]:
    """Verdict and title of each line that has a verdict."""
    return re.findall(r"^ *[\d.]+ s  (ok|FAILED|-) +(\S+(?: \S+)*)  ", output, flags=re.MULTILINE)


# --- the story holds -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_whole_story_on_an_instance_of_its_own(places: Places, temporary: Path) -> None:
    done = demo(places, TMPDIR=str(temporary))
    assert done.returncode == 0, done.stdout + done.stderr
    assert told(done.stdout) == [("ok", title) for title in STEPS]
    assert re.search(r"^The story holds: 15 steps in \d+\.\d s\.$", done.stdout, flags=re.MULTILINE)
    assert not list(temporary.iterdir())


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """A shell in the background has SIGINT ignored, which whatever the tests start would inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("heeds_interrupts")
def test_an_instance_that_sends_to_public_push_services_only_is_left_alone(
    places: Places, temporary: Path
) -> None:
    """It starts one of its own then, and is stopped with that."""
    running = """
        from devkit.embedded.claim import claim
        from devkit.embedded.instance import published
        servers = {"HOST": "127.0.0.1", "PORT": "1", "DATABASE_URL": "postgresql://nowhere"}
        with claim(places, command="up"), published(places, servers):
            hold()
    """
    given = environment_for(places, TMPDIR=str(temporary))
    with (
        python_running(running, places),
        subprocess.Popen(COMMAND, cwd=CHECKOUT, env=given, stdout=subprocess.PIPE, text=True) as process,
    ):
        wait_until(lambda: list(temporary.glob("*/valkey/valkey.conf")))
        (data,) = temporary.iterdir()
        wait_until(lambda: processes_of(Places(data=data)))
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=180)
    assert process.returncode == 130
    assert "public addresses only (PUSH_ALLOW_INSECURE_ENDPOINTS is not true)" in said
    wait_until(lambda: not processes_of(Places(data=data)))
    assert not list(temporary.iterdir())


# --- a step fails ----------------------------------------------------------------------------------


def test_no_one_answers(places: Places, free_port: int) -> None:
    done = demo(places, TODO_URL=f"http://127.0.0.1:{free_port}")
    assert done.returncode == 1
    assert told(done.stdout) == [("FAILED", "Instance")]
    assert "no response from" in done.stdout


@pytest.mark.django_db(transaction=True)
def test_a_refused_endpoint_ends_the_story(
    only_web: Instance, push: PushService, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.PUSH_ALLOW_INSECURE_ENDPOINTS = False
    teller = Teller()
    tell(Story(only_web, push), teller)
    assert sum_up(teller) == 1
    output = capsys.readouterr().out
    assert told(output)[-2:] == [("FAILED", "Subscribe"), ("ok", "Clean up")]
    assert "PUSH_ALLOW_INSECURE_ENDPOINTS=true ./todo up" in output


@pytest.mark.django_db(transaction=True)
def test_a_reminder_that_never_comes_ends_the_story_and_nothing_is_left_behind(
    only_web: Instance,
    push: PushService,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(story, "PUSH_SECONDS", 0.1)
    teller = Teller()
    tell(Story(Instance(only_web.url), push), teller)
    assert sum_up(teller) == 1
    output = capsys.readouterr().out
    assert told(output)[-3:] == [("-", "Event"), ("FAILED", "Reminder"), ("ok", "Clean up")]
    assert "no Web Push arrived within 0.1 s; the trace: it is not even due" in output
    assert "FAILED at 'Reminder'" in output
    assert not Task.objects.exists()
    assert not PushSubscription.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_event_that_no_one_takes_ends_the_story(
    only_web: Instance,
    push: PushService,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(story, "EVENT_SECONDS", 0.1)
    teller = Teller()
    tell(Story(only_web, push), teller)
    assert sum_up(teller) == 1
    output = capsys.readouterr().out
    assert told(output)[-2:] == [("FAILED", "Event"), ("ok", "Clean up")]
    assert "the relay had not taken the task's events within 0.1 s" in output
