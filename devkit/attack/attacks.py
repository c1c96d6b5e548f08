"""The attacks. Each runs until the event is set, and returns its outcome."""

import asyncio
import time
from asyncio import Event
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import NamedTuple

from devkit.attack.calls import Account, connection, message, status_of
from devkit.attack.target import ISSUER, Target

BULK = 1000
_LARGE_ANSWERS = ("/api/schema", "/static/drf_spectacular_sidecar/redoc/bundles/redoc.standalone.js")


class Outcome(NamedTuple):
    """What the attack itself saw, and whether that is as expected."""

    held: bool
    saw: str


Run = Callable[[Target, Account, Event], Awaitable[Outcome]]


@dataclass(frozen=True)
class Attack:
    """`expected` says in words which answers the attacker should get."""

    name: str
    expected: str
    run: Run


async def quiet(_target: Target, _mallory: Account, over: Event) -> Outcome:
    await over.wait()
    return Outcome(True, "-")


async def schema(target: Target, _mallory: Account, over: Event) -> Outcome:
    """The first requests to processes that have just started."""
    for worker in target.web_workers():
        worker.kill()
    statuses = await asyncio.gather(*(_insist(target, message("GET", "/api/schema")) for _ in range(16)))
    await over.wait()
    return _expect(statuses, {200})


async def bulks_with_tags(target: Target, mallory: Account, over: Event) -> Outcome:
    operations = [
        {
            "op": "create",
            "data": {
                "title": f"{number}",
                "tags": [f"tag {(number * 50 + tag) % BULK}" for tag in range(50)],
            },
        }
        for number in range(BULK)
    ]
    return await _bulks(target, mallory, over, operations, count=8)


async def plain_bulks(target: Target, mallory: Account, over: Event) -> Outcome:
    operations = [{"op": "create", "data": {"title": f"{number}"}} for number in range(BULK)]
    return await _bulks(target, mallory, over, operations, count=16)


async def _bulks(
    target: Target, mallory: Account, over: Event, operations: Sequence[object], *, count: int
) -> Outcome:
    sent = message("POST", "/api/tasks/bulk", {"operations": operations}, token=mallory.token)

    async def repeat() -> list[int]:
        statuses = []
        while not over.is_set():
            statuses.append(await status_of(target.port, sent))
            await asyncio.sleep(0.2)
        return statuses

    found = await asyncio.gather(*(repeat() for _ in range(count)))
    return _expect([status for statuses in found for status in statuses], {200, 429})


def slow_bodies(count: int) -> Run:
    async def run(target: Target, _mallory: Account, over: Event) -> Outcome:
        head = message("POST", "/api/tasks", Content_Type="application/json", Content_Length="1000000")

        async def drip() -> int:
            with suppress(OSError, EOFError):
                async with connection(target.port) as (reader, writer):
                    writer.write(head)
                    answer = asyncio.ensure_future(reader.readuntil(b"\r\n"))
                    while not over.is_set() and not answer.done():
                        writer.write(b"x")
                        await asyncio.wait([answer], timeout=1)
                    if answer.done():
                        return int((await answer)[9:12])
                    answer.cancel()
            return 0

        async def again() -> list[int]:
            statuses = []
            while not over.is_set():
                statuses.append(await drip())
            return statuses

        found = await asyncio.gather(*(again() for _ in range(count)))
        return _expect([status for statuses in found for status in statuses], {0, 408, 429})

    return run


def idle(count: int) -> Run:
    async def run(target: Target, _mallory: Account, over: Event) -> Outcome:
        async with AsyncExitStack() as stack:
            for _ in range(count):
                await stack.enter_async_context(connection(target.port))
            await over.wait()
            fresh = await status_of(target.port, message("GET", "/healthz/live"), seconds=5)
        return Outcome(fresh == 200, f"{count} open, a new one answers {fresh}")

    return run


async def slow_readers(target: Target, _mallory: Account, over: Event) -> Outcome:
    async with AsyncExitStack() as stack:
        for number in range(200):
            reader, writer = await stack.enter_async_context(connection(target.port))
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(message("GET", _LARGE_ANSWERS[number % 2]))
        await over.wait()
    return Outcome(True, "200 answers never read")


async def killed_workers(target: Target, _mallory: Account, over: Event) -> Outcome:
    killed = 0
    while not over.is_set():
        # Two deaths within 5.5 s count as a crash loop, after which granian ends.
        with suppress(IndexError):
            target.web_workers()[0].kill()
            killed += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), timeout=6.5)
    return Outcome(killed > 0, f"{killed} killed")


async def forged_addresses(target: Target, _mallory: Account, over: Event) -> Outcome:
    body = {"email": "owner@example.com", "password": "wrong"}
    statuses = []
    for number in range(66):
        forged = {"X_Forwarded_For": f"192.0.2.{number}", "X-Forwarded-For": "203.0.113.9"}
        statuses.append(await status_of(target.port, message("POST", "/api/auth/token", body, **forged)))
    await over.wait()
    return Outcome(statuses.count(429) >= 30 and 0 not in statuses, _counted(statuses))


async def long_emails(target: Target, _mallory: Account, over: Event) -> Outcome:
    body = {"email": f"{'a' * 2_000_000}@example.com", "password": "wrong"}
    sent = message("POST", "/api/auth/token", body, X_Forwarded_For="198.51.100.7")
    statuses: list[int] = []
    while not over.is_set():
        statuses += await asyncio.gather(*(status_of(target.port, sent) for _ in range(6)))
    return _expect(statuses, {400, 429})


async def sign_ins(target: Target, _mallory: Account, over: Event) -> Outcome:
    statuses: list[int] = []
    for turn in range(1000):
        if over.is_set():
            break
        guesses = [
            message("POST", "/api/auth/token", {"email": f"{turn}-{one}@example.com", "password": "wrong"})
            for one in range(6)
        ]
        statuses += await asyncio.gather(*(status_of(target.port, guess) for guess in guesses))
    return _expect(statuses, {401, 429})


async def dripping_keys(target: Target, _mallory: Account, over: Event) -> Outcome:
    target.keys.drips = True
    statuses: list[int] = []
    try:
        while not over.is_set():
            claims = {"iss": ISSUER, "aud": ISSUER, "sub": "mallory", "exp": int(time.time()) + 600}
            tokens = [target.keys.token(claims, key_id=f"unknown {time.time()}") for _ in range(16)]
            sent = [message("GET", "/api/tasks", token=token) for token in tokens]
            statuses += await asyncio.gather(*(status_of(target.port, one) for one in sent))
            await asyncio.sleep(0.2)
    finally:
        target.keys.drips = False
    return _expect(statuses, {401, 503})


async def endless_tokens(target: Target, _mallory: Account, over: Event) -> Outcome:
    claims = {"iss": ISSUER, "aud": ISSUER, "sub": "mallory", "email": "m@example.com", "exp": 10**18}
    sent = message("POST", "/api/stream/ticket", {}, token=target.keys.token(claims))
    statuses = [await status_of(target.port, sent) for _ in range(20)]
    await over.wait()
    return _expect(statuses, {400, 401, 503})


async def foreign_hosts(target: Target, _mallory: Account, over: Event) -> Outcome:
    before, statuses = target.tracebacks(), []
    while not over.is_set():
        statuses.append(await status_of(target.port, message("GET", "/api/tasks", Host="foreign.example")))
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    found = target.tracebacks() - before
    return Outcome(set(statuses) == {400} and not found, f"{_counted(statuses)}; {found} tracebacks")


def _expect(statuses: list[int], allowed: set[int]) -> Outcome:
    return Outcome(bool(statuses) and set(statuses) <= allowed, _counted(statuses))


def _counted(statuses: list[int]) -> str:
    return ", ".join(f"{count} x {status or 'none'}" for status, count in sorted(Counter(statuses).items()))


async def _insist(target: Target, sent: bytes) -> int:
    """The status of an answer, 0 without one; a process that is just starting refuses connections."""
    for _ in range(200):
        if status := await status_of(target.port, sent):
            return status
        await asyncio.sleep(0.1)
    return 0


ATTACKS = [
    Attack("quiet", "nothing happens", quiet),
    Attack("schema", "16 first requests to new workers: 200", schema),
    Attack("bulks-with-tags", "8 at once, 1,000 creates with 50 tags each: 200 or 429", bulks_with_tags),
    Attack("bulks", "16 at once, 1,000 creates each: 200 or 429", plain_bulks),
    Attack("slow-bodies-16", "a byte a second: 408, 429 or none yet", slow_bodies(16)),
    Attack("slow-bodies-1000", "a byte a second: 408, 429 or none yet", slow_bodies(1000)),
    Attack("silent-1200", "a new connection is served", idle(1200)),
    Attack("idle-700", "more than the soft limit of 256 files: a new connection is served", idle(700)),
    Attack("slow-readers", "200 that ask and never read", slow_readers),
    Attack("killed-workers", "kill -9 of a web worker each 6.5 s", killed_workers),
    Attack("forged-addresses", "66 guesses with X_Forwarded_For: 30 or more are a 429", forged_addresses),
    Attack("long-emails", "six sign-ins at once with 2 MB of email: 400 or 429", long_emails),
    Attack("sign-ins", "six sign-ins at once: 401 or 429", sign_ins),
    Attack("dripping-keys", "a key server that drips: 401 or 503", dripping_keys),
    Attack("endless-tokens", "a stream ticket for exp=10^18: no 500", endless_tokens),
    Attack("foreign-host", "400, no traceback in the log", foreign_hosts),
]
