"""A web process that does not answer can be asked where it is."""

from pathlib import Path

import pytest

from devkit.embedded.ports import free_port
from tests.acceptance.stacks import APPLICATION, stacks
from tests.acceptance.web import web

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_all_threads_of_the_worker_are_written_and_it_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "stacks"
    with web(free_port(), APPLICATION, STACKS=str(file)) as server:
        written = stacks(server, file)
        assert "concurrent/futures/thread.py" in written, "the thread that has answered"
        assert float(written.split()[0]) > 0
        assert server.answers()
