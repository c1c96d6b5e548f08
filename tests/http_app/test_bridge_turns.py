"""How many requests of one caller work at once, and which of them wait."""

import asyncio

import pytest

from http_app.bridge.turns import CallerTurns
from http_app.errors import TooManyAtOnce


def test_a_caller_has_two_turns_and_others_do_not_wait_for_it() -> None:
    turns, order = CallerTurns(at_once=2, waiting=10), []

    async def work(caller: str, name: str, done: asyncio.Event) -> None:
        async with turns.turn(caller):
            order.append(name)
            await done.wait()

    async def all_work() -> None:
        first, second, others = asyncio.Event(), asyncio.Event(), asyncio.Event()
        done = {"1": first, "2": second}
        async with asyncio.TaskGroup() as group:
            for name in "1234":
                group.create_task(work("mallory", name, done.get(name, others)))
            group.create_task(work("alice", "hers", others))
            await asyncio.sleep(0)
            assert order == ["1", "2", "hers"]
            second.set()
            await asyncio.sleep(0.01)
            assert order == ["1", "2", "hers", "3"]
            first.set()
            others.set()
        assert order == ["1", "2", "hers", "3", "4"]

    asyncio.run(all_work())


def test_too_many_that_wait_are_refused() -> None:
    turns = CallerTurns(at_once=1, waiting=1)

    async def try_three() -> None:
        async with turns.turn("mallory"):
            waiting = asyncio.ensure_future(turns.turn("mallory").__aenter__())
            await asyncio.sleep(0)
            with pytest.raises(TooManyAtOnce):
                await turns.turn("mallory").__aenter__()
        await waiting

    asyncio.run(try_three())


def test_a_turn_ends_with_an_error_too() -> None:
    turns = CallerTurns(at_once=1, waiting=0)

    async def fail_twice() -> None:
        for _ in range(2):
            with pytest.raises(RuntimeError):
                async with turns.turn("alice"):
                    raise RuntimeError

    asyncio.run(fail_twice())
