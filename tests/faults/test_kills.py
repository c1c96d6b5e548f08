"""What dies is started again, and no write that was answered is lost.

One kill of each process is among the slow tests; ten of each are
`./todo test -n 0 -s -m faults tests/faults/test_kills.py` (KILLS says how many).
"""

import signal
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from devkit.embedded.places import Places
from devkit.embedded.ports import free_port
from tests.acceptance.web import UNLIMITED
from tests.devkit.conftest import migrated, places  # noqa: F401 - fixtures
from tests.devkit.running import up
from tests.faults.journal import Journal
from tests.faults.kills import VICTIMS, Kills, writing
from tests.faults.run import number

_SETTINGS = UNLIMITED | {"ACCESS_TOKEN_MINUTES": "600", "LOG_LEVEL": "WARNING"}


def kill_each(places: Places, folder: Path, *, rounds: int, victims: list[str], writers: int) -> Kills:  # noqa: F811
    port, stream_port = free_port(), free_port()
    with up(places, port, STREAM_PORT=str(stream_port), **_SETTINGS) as running:
        kills, journal = Kills(running, stream_port), Journal(folder / "journal.jsonl")
        with closing(journal), writing(kills, journal, port, writers=writers):
            for _round in range(rounds):
                for name in victims:
                    kills.kill(name)
        # It forks for each restart, which only a process with one thread and no connection may do.
        launcher = psutil.Process(running.process.pid)
        assert (launcher.num_threads(), launcher.net_connections("tcp")) == (1, [])
        print(f"\n{kills.table()}", flush=True)
        lost = kills.lost()
        print(
            f"{len(kills.tasks)} tasks and {len(kills.completed)} completions answered,"
            f" {len(journal.troubles)} tries failed meanwhile; lost: {lost}"
        )
        assert not any(lost.values()), lost
        assert len(kills.completed) > rounds
        assert running.stop(signal.SIGTERM) < 120
    return kills


@pytest.mark.slow
@pytest.mark.usefixtures("migrated")
def test_each_process_once(places: Places, tmp_path: Path) -> None:  # noqa: F811
    kill_each(places, tmp_path, rounds=1, victims=list(VICTIMS), writers=2)


@pytest.mark.faults
def test_each_process_ten_times(places: Places, tmp_path: Path) -> None:  # noqa: F811
    kill_each(places, tmp_path, rounds=number("KILLS", 10), victims=list(VICTIMS), writers=4)
