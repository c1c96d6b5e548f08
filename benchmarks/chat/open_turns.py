"""Turns that wait for their model, and what the API and the live stream notice of them."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

from uuid_utils.compat import uuid7

from benchmarks.chat.followers import follow_until
from benchmarks.chat.turns import assistant_at
from benchmarks.events.latency import came, changes, wait_until
from benchmarks.events.listening import arrivals
from benchmarks.load import load, request
from benchmarks.measuring import percentile_of
from benchmarks.report import table
from benchmarks.stage import Stage, Web, people, wait_for
from devkit.embedded.ports import free_port
from tasks_app.services import create_task

OPEN = 50
RATE = 50  # changes a second
WATCHERS = 10
READERS = 4  # connections that request the list
WARM_UP_SECONDS = 3.0
_LIMITS = ("ASSISTANT_REQUEST_SECONDS", "ASSISTANT_SILENCE_SECONDS", "ASSISTANT_TURN_SECONDS")
_LONG = dict.fromkeys(_LIMITS, "3600")
# Which answers each has: the last is the first again, because the machine changes meanwhile.
BESIDE = {"no turn": "", "silent": "silent", "slow": "slow", "no turn, again": ""}


def measure(stage: Stage, model_url: str) -> list[str]:
    """The paragraphs and the table of the report."""
    owner = people(f"reader-{uuid7()}", 1)[0]
    create_task(owner.user, title="Water the plants")
    asked = request("GET", "/api/tasks", token=owner.token)
    with stage.web() as web:
        load(web, [repeat(asked)] * READERS, seconds=min(1.0, stage.seconds))
        rows = [_row(stage, web, asked, name, model_url, how) for name, how in BESIDE.items()]
    head = ["the model is", "pieces a second", "a list, p50 ms", "p99", "to the client, p50 ms", "p99"]
    return [
        f"{OPEN} turns at once, of as many users, that are open for the whole time. A model that is silent"
        " sends one piece, then nothing; a slow one sends a piece ten times a second in each turn. Beside"
        f" them, one after the other: {RATE} changes a second of {WATCHERS} users with a stream, and"
        f" {READERS} connections that request a list of one task repeatedly.",
        table(head, rows),
    ]


def _row(stage: Stage, web: Web, asked: bytes, name: str, model_url: str, how: str) -> list[str]:
    seconds = stage.rounds * stage.seconds
    watchers, port = people(f"watcher-{uuid7()}", WATCHERS), free_port()
    surroundings = assistant_at(f"{model_url}/{how or 'silent'}/v1") | _LONG | {"STREAM_PORT": str(port)}
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(2, mp_context=get_context("spawn")))
        stack.enter_context(stage.process("relay_outbox"))
        stack.enter_context(stage.process("serve_stream", **surroundings))
        wait_for(port)
        turns = stack.enter_context(_open_turns(stage, pool, port, OPEN if how else 0))
        all_open = stage.folder / f"open-{uuid7()}"
        listening = pool.submit(arrivals, port, [one.token for one in watchers], all_open)
        wait_until(all_open.exists)
        changes(watchers, RATE, min(WARM_UP_SECONDS, seconds))
        committed = changes(watchers, RATE, seconds)
        arrived = came(listening, watchers)
        listed = load(web, [repeat(asked)] * READERS, seconds=seconds).latencies
        pieces = turns()
    seen = [arrived[one] - at for one, at in committed.items()]
    figures = [f"{percentile_of(times, part) * 1000:.1f}" for times in (listed, seen) for part in (50, 99)]
    row = [name, f"{pieces:,.0f}", *figures]
    print(" | ".join(row), flush=True)
    return row


@contextmanager
def _open_turns(
    stage: Stage, pool: ProcessPoolExecutor, port: int, count: int
) -> Iterator[Callable[[], float]]:
    """Turns that are open; what is yielded ends them, and returns how many pieces came a second."""
    if not count:
        yield lambda: 0.0
        return
    all_open, stop = stage.folder / f"turns-{uuid7()}", stage.folder / f"stop-{uuid7()}"
    tokens = [one.token for one in people(f"talker-{uuid7()}", count)]
    following = pool.submit(follow_until, port, tokens, all_open, stop)
    wait_until(lambda: all_open.exists() or following.done())
    try:
        yield lambda: _end(following, stop)
    finally:
        stop.touch()


def _end(following: "Future[float]", stop: Path) -> float:
    stop.touch()
    return following.result(60)
