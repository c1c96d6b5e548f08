"""Clients are cut, a server is killed, Redis is flushed: no client misses a change without a notice.

Outside CI, as the promise asks for it:
`STREAM_RUN_SECONDS=600 STREAM_RUN_CLIENTS=200 ./todo test -n 0 -s -m slow
tests/acceptance/test_live_stream.py`
"""

import asyncio
import os
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

import pytest
from redis import Redis

from tests.acceptance.calls import call
from tests.acceptance.instance import Instance, instance
from tests.acceptance.processes import eventually
from tests.sync_app.following import Follower

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("STREAM_RUN_SECONDS", "30"))
CLIENTS = int(os.environ.get("STREAM_RUN_CLIENTS", "60"))
USERS = max(2, CLIENTS // 10)
WRITERS = 4
PAUSE_SECONDS = 0.05  # of a writer between two changes
LONGEST_LIFE_SECONDS = 10.0  # of a connection
_ON_THEIR_WAY = "SELECT (SELECT count(*) FROM outbox_events) + (SELECT count(*) FROM parked_events)"
CALM_SECONDS = 2.0  # between two blows, on average


@dataclass
class Journal:
    """Each acknowledged change: whose, (task, version), when its request was sent."""

    changes: list[tuple[str, tuple[int, int], float]] = field(default_factory=list)
    owners: dict[int, str] = field(default_factory=dict)
    failed: int = 0


def write(running: Instance, tokens: dict[str, str], journal: Journal, stop: threading.Event) -> None:
    """Make tasks and change them, each a few times, for one user after another."""
    while not stop.is_set():
        user = random.choice(list(tokens))
        task_id = 0
        for number in range(4):
            method, path = ("PATCH", f"/api/tasks/{task_id}") if number else ("POST", "/api/tasks")
            sent = time.monotonic()
            try:
                answer = running.call(method, path, {"title": f"change {number}"}, token=tokens[user])
            except OSError:
                journal.failed += 1
                break
            if answer.status not in (200, 201):
                journal.failed += 1
                break
            task_id = answer.body["id"]
            journal.owners[task_id] = user
            journal.changes.append((user, (task_id, answer.body["version"]), sent))
            time.sleep(PAUSE_SECONDS)


def strike(running: Instance, blows: dict[str, int], until: float) -> None:
    """One blow after the other; each time the server is up again first, or nothing would be sent."""
    while time.monotonic() < until:
        try:
            eventually(lambda: serves(running), seconds=300)
        except AssertionError as error:
            log = running.log("stream").read_text()[-3000:]
            raise AssertionError(f"The stream does not serve after {blows}: {log}") from error
        time.sleep(random.uniform(0, 2 * CALM_SECONDS))
        blow = random.choice(list(BLOWS))
        BLOWS[blow](running)
        blows[blow] = blows.get(blow, 0) + 1


def kill(running: Instance) -> None:
    end(running, "kill")
    running.start("stream")


def stop(running: Instance) -> None:
    end(running, "terminate")
    running.start("stream")


def flush(running: Instance) -> None:
    with Redis.from_url(running.valkey.url) as store:
        store.flushall()


def flush_what_no_one_saw(running: Instance) -> None:
    """What came while the server was away is lost with its stream, which starts again before it is back."""
    end(running, "kill")
    time.sleep(1)
    flush(running)
    time.sleep(1)
    running.start("stream")


def kill_redis(running: Instance) -> None:
    assert running.valkey.process
    running.valkey.process.kill()
    running.valkey.process.wait()
    running.valkey.start()
    running.valkey.wait_until_ready()


def end(running: Instance, how: str) -> None:
    server = running.processes.pop("stream")
    getattr(server, how)()
    server.wait(60)


BLOWS = {
    "server killed": kill,
    "server stopped": stop,
    "Redis flushed": flush,
    "server killed, then Redis flushed": flush_what_no_one_saw,
    "Redis killed": kill_redis,
}


def serves(running: Instance) -> bool:
    if running.processes["stream"].poll() is not None:  # another process had its port for a moment
        running.start("stream")
    try:
        return call(running.port + 1, "GET", "/healthz/ready").status == 200
    except (OSError, HTTPException):
        return False


def missed(follower: Follower, journal: Journal) -> list[tuple[int, int]]:
    """Changes of the follower's user since it began that it missed without a reset."""
    since = max(follower.began, follower.last_reset)
    changes = [change for user, change, sent in journal.changes if user == follower.user and sent > since]
    return [change for change in changes if change not in follower.seen]


def others(follower: Follower, journal: Journal) -> int:
    return sum(journal.owners[task_id] != follower.user for task_id, _ in follower.seen)


class Followers:
    """An event loop in a thread of its own."""

    def __init__(self, followers: list[Follower]) -> None:
        self.followers = followers
        self.loop = asyncio.new_event_loop()
        self.stop = asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._run(),))

    async def _run(self) -> None:
        await asyncio.gather(*(follower.follow(self.stop) for follower in self.followers))

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(120)
        self.loop.close()


def test_no_one_misses_a_change_unknowingly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"THROTTLE_WRITES": "off", "THROTTLE_SIGN_UP": "off", "THROTTLE_SIGN_IN_BY_ADDRESS": "off"}
    settings |= {"ACCESS_TOKEN_MINUTES": "60", "STREAM_CONNECTIONS_PER_USER": "1000", "LOG_LEVEL": "WARNING"}
    with instance(tmp_path / "data", **settings) as running:
        tokens = {name: running.sign_up(f"{name}@example.test") for name in map(str, range(USERS))}
        port = running.port + 1
        names = [str(number % USERS) for number in range(CLIENTS)]
        all_of_them = [Follower(port, name, tokens[name], LONGEST_LIFE_SECONDS) for name in names]
        followers, journal, blows, stop = Followers(all_of_them), Journal(), {}, threading.Event()
        followers.thread.start()
        eventually(lambda: all(follower.began for follower in all_of_them))
        writers = [
            threading.Thread(target=write, args=(running, tokens, journal, stop)) for _ in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        strike(running, blows, time.monotonic() + SECONDS)
        stop.set()
        for writer in writers:
            writer.join()
        # What was parked while Redis was away comes with the next ticks; a follower may be between two lives.
        with suppress(AssertionError):
            eventually(lambda: running.rows(_ON_THEIR_WAY) == [(0,)], seconds=300)
            eventually(lambda: not any(missed(follower, journal) for follower in all_of_them))
        followers.end()
        lost = sum(len(missed(follower, journal)) for follower in all_of_them)
        foreign = sum(others(follower, journal) for follower in all_of_them)
        seen = sum(len(follower.seen) for follower in all_of_them)
        lives = sum(follower.connections for follower in all_of_them)
        resets = sum(follower.resets for follower in all_of_them)
        repeats = sum(follower.repeats for follower in all_of_them)
        with capsys.disabled():
            print(
                f"\n{CLIENTS} clients of {USERS} users, {SECONDS:.0f} s, blows {blows}: {lives} connections,"
                f" {len(journal.changes)} changes ({journal.failed} requests failed), {seen} events seen,"
                f" {resets} resets, {repeats} repeats, missed {lost}, other people's {foreign}"
            )
        assert len(journal.changes) > SECONDS
        assert lives > CLIENTS
        assert seen > len(journal.changes)  # more than one follower a user
        assert running.rows(_ON_THEIR_WAY) == [(0,)]
        assert (lost, foreign) == (0, 0)
        assert journal.failed == 0
