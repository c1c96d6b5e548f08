"""The consumer in docs/events.md, run as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

from accounts_app.models import User
from events_app.kafka import KafkaBroker
from events_app.relay import relay_batch
from tasks_app.services import complete_task, create_task, reopen_task
from tests.contract.event_contract import DOCS
from tests.events_app.kafka_servers import mock_cluster


def consumer() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "events.md").read_text(), re.DOTALL)
    return str(code)


def test_it_has_about_20_lines() -> None:
    assert len(consumer().splitlines()) <= 22


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_it_reports_each_completion_once(settings: Settings, tmp_path: Path, alice: User) -> None:
    with mock_cluster() as servers:
        settings.KAFKA_BOOTSTRAP_SERVERS = servers
        broker = KafkaBroker()
        task = create_task(alice, title="water")
        for _ in range(2):
            complete_task(task)
            reopen_task(task)
        complete_task(create_task(alice, title="the last"))
        relay_batch(broker)
        assert titles(servers, tmp_path, until="the last") == ["water", "water", "the last"]


def titles(servers: str, folder: Path, *, until: str) -> list[str]:
    """What the consumer prints after each time, up to this title."""
    script = folder / "consumer.py"
    script.write_text(consumer())
    with subprocess.Popen(
        [sys.executable, script],
        env=os.environ | {"KAFKA_BOOTSTRAP_SERVERS": servers, "GROUP": str(uuid4())},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        said: list[str] = []
        for line in process.stdout:
            said.append(line.strip().split(" ", 1)[1])
            if said[-1] == until:
                break
        process.kill()
    return said
