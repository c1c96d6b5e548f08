"""The victim: a user whose requests come at their times, whatever is going on.

It is a process of its own, so that the attackers do not slow it down: `python -m devkit.attack.victim PORT`
reads an access token from its input, sends requests until the input ends, and prints what it saw as JSON.
"""

import asyncio
import itertools
import json
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from time import monotonic
from uuid import uuid4

from devkit.attack.calls import Answer, ask, message

REQUESTS_A_SECOND = 8
# As an app would, it sends a request again when the connection breaks, and then gives up.
PATIENCE_SECONDS = 30.0


@dataclass
class Seen:
    """Seconds until each answer, the requests with an error or without an answer, the tasks created."""

    latencies: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    created: list[int] = field(default_factory=list)

    def percentile(self, percent: int) -> float:
        """In milliseconds."""
        if len(self.latencies) < 2:
            return 1000 * sum(self.latencies)
        return 1000 * quantiles(self.latencies, n=100, method="inclusive")[percent - 1]


async def watch(port: int, token: str, until: asyncio.Event) -> Seen:
    """What a victim sees until the event; it waits for all answers."""
    process = await create_subprocess_exec(
        sys.executable, "-m", "devkit.attack.victim", str(port), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{token}\n".encode())
    await until.wait()
    process.stdin.close()
    return Seen(**json.loads(await process.stdout.read()))


class _Victim:
    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self.seen = Seen()

    async def live(self, until: asyncio.Event) -> None:
        started = monotonic()
        async with asyncio.TaskGroup() as group:
            for number in itertools.count():
                await asyncio.sleep(max(0.0, started + number / REQUESTS_A_SECOND - monotonic()))
                if until.is_set():
                    break
                group.create_task(self._request(number))

    async def _request(self, number: int) -> None:
        """One of four is a write. What counts is the time from its moment on, with the tries that broke."""
        started = monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._insist(self._message(number))
        except TimeoutError:
            self.seen.lost.append("no answer")
            return
        self.seen.latencies.append(monotonic() - started)
        if answer.status == 201:
            self.seen.created.append(answer.body["id"])
        elif answer.status != 200:
            self.seen.lost.append(f"{answer.status}: {answer.content[:200]!r}")

    def _message(self, number: int) -> bytes:
        if number % 4:
            return message("GET", "/api/tasks?page_size=20", token=self._token)
        key = str(uuid4())
        return message("POST", "/api/tasks", {"title": str(number)}, token=self._token, Idempotency_Key=key)

    async def _insist(self, sent: bytes) -> Answer:
        while True:
            try:
                return await ask(self._port, sent, seconds=PATIENCE_SECONDS)
            except (ConnectionError, EOFError):
                await asyncio.sleep(0.05)


async def _main(port: int) -> None:
    victim, over = _Victim(port, sys.stdin.readline().strip()), asyncio.Event()

    async def wait_for_the_end() -> None:
        await asyncio.to_thread(sys.stdin.read)
        over.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(wait_for_the_end())
        group.create_task(victim.live(over))
    print(json.dumps(asdict(victim.seen)))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
