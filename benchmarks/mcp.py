"""The live stream beside calls of tools by MCP, which the same process serves in a pool of threads."""

from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context

from uuid_utils.compat import uuid7

from benchmarks.events.latency import came, changes, wait_until
from benchmarks.events.listening import arrivals
from benchmarks.mcp_calls import CALLS_AT_ONCE, call_until
from benchmarks.measuring import percentile_of
from benchmarks.report import Report, table
from benchmarks.stage import Person, Stage, people, wait_for
from devkit.embedded.ports import free_port
from tasks_app.services import create_task

RATE = 50  # changes a second
WATCHERS = 10
CALLERS = 5
TASKS = 60
_WARM_UP_SECONDS = 3.0
# How many call, and whether a process of its own serves them.
BESIDE = {
    "no one": (0, False),
    "a full pool": (CALLERS, False),
    "a full pool in a process of its own": (CALLERS, True),
}
Figures = tuple[list[float], int, int]


def run(stage: Stage) -> Report:
    """The stream alone, then beside full pools, for the length of all rounds together each."""
    rows = []
    for name, (callers, apart) in BESIDE.items():
        seconds, done, refused = _measure(stage, callers, apart=apart)
        figures = [f"{percentile_of(seconds, part) * 1000:.1f}" for part in (50, 99)]
        per_second = f"{done / (stage.rounds * stage.seconds):.0f}"
        rows.append([name, *figures, per_second, f"{refused:,}"])
        print(" | ".join(rows[-1]), flush=True)
    head = ["calls tools", "to the client, p50 ms", "p99", "calls a second", "refused"]
    said = (
        f"{RATE} changes a second of {WATCHERS} users, each with a stream, as in the latency above. Beside it"
        f" {CALLERS} users call list_tasks by MCP, each {CALLS_AT_ONCE} at once, and read {TASKS} tasks with"
        " each; the pool has 4 threads. All of it runs on this machine."
    )
    return Report("The live stream beside MCP", [said, table(head, rows)])


def _measure(stage: Stage, callers: int, *, apart: bool) -> Figures:
    """Seconds from each commit to its client; the calls that were answered, and refused."""
    watchers, port = people(f"watcher-{uuid7()}", WATCHERS), free_port()
    calling = people(f"caller-{uuid7()}", callers)
    for caller in calling:
        for number in range(TASKS):
            create_task(caller.user, title=f"Task {number}")
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(2, mp_context=get_context("spawn")))
        stack.enter_context(stage.process("relay_outbox"))
        called = free_port() if apart else port
        with_mcp = {"MCP_ENABLED": "true", "MCP_URL": f"http://localhost:{called}/mcp"}
        for one in {port, called}:
            here = {"STREAM_PORT": str(one), "THROTTLE_PREVIEWS": "off"} | (with_mcp if one == called else {})
            stack.enter_context(stage.process("serve_stream", **here))
        wait_for(called)
        all_open = stage.folder / f"open-{uuid7()}"
        listening = pool.submit(arrivals, port, [one.token for one in watchers], all_open)
        wait_until(all_open.exists)
        stop = stage.folder / f"stop-{uuid7()}"
        calls = pool.submit(call_until, called, [one.token for one in calling], stop)
        changes(watchers, RATE, _WARM_UP_SECONDS)
        committed = changes(watchers, RATE, stage.rounds * stage.seconds)
        stop.touch()
        return _figures(committed, listening, watchers, calls)


def _figures(
    committed: dict[str, float],
    listening: "Future[dict[str, float]]",
    watchers: list[Person],
    calls: "Future[tuple[int, int]]",
) -> Figures:
    arrived = came(listening, watchers)
    return [arrived[one] - at for one, at in committed.items()], *calls.result(60)
