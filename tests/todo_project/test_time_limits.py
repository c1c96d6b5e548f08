"""A task that hangs ends a worker without child processes; Celery itself ends it in the others."""

import os
import subprocess
import sys

import pytest

from devkit.embedded.places import CHECKOUT

# A worker of a queue that no one else reads, with a task that never ends.
WORKER = """
import os, signal, sys, threading, time
import django
django.setup()
from todo_project.celery import app

@app.task(name="hang", time_limit=1)
def hang():
    while True:
        time.sleep(0.01)

@app.task(name="end", time_limit=5)
def end():  # and stop the worker when the limit has long passed
    threading.Timer(8, os.kill, (os.getpid(), signal.SIGTERM)).start()

class Reentered:  # as a log whose line is written while the signal comes
    def error(self, _event):
        raise RuntimeError

if sys.argv[1] == "hangs in its log":
    from todo_project import time_limits
    time_limits.log = Reentered()
queue = "of_the_test_" + sys.argv[1].replace(" ", "_")
app.conf.task_create_missing_queues = True
(end if sys.argv[1] == "ends" else hang).apply_async(queue=queue)
app.worker_main(["--quiet", "worker", "--pool", "solo", "--queues", queue])
"""


def run_worker(behaviour: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "todo_project.settings"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WORKER, behaviour],
        cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.slow
def test_a_task_that_hangs_ends_the_worker() -> None:
    ended = run_worker("hangs")
    assert ended.returncode == 1, ended.stderr
    assert "task_exceeds_its_time_limit" in ended.stderr


@pytest.mark.slow
def test_also_when_that_cannot_be_logged() -> None:
    assert run_worker("hangs in its log").returncode == 1


@pytest.mark.slow
def test_one_that_has_ended_is_not_held_against_the_worker() -> None:
    ended = run_worker("ends")
    assert ended.returncode == 0, ended.stderr
    assert "task_exceeds_its_time_limit" not in ended.stderr


def test_the_ticker_is_such_a_worker() -> None:
    assert "--queues ticks --pool solo" in (CHECKOUT / "Procfile").read_text()
