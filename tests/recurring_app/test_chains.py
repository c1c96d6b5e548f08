"""Whatever is done to a series, in whatever order: no slot twice, no end by a slip, nothing revived.

Every chain of up to four steps, and many long ones:
`./todo test -n 0 -m fuzz -s tests/recurring_app/test_chains.py`.
"""

from collections.abc import Iterator
from copy import deepcopy
from itertools import product
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from accounts_app.models import User
from tests.recurring_app.chains import OF_EVENTS, ON_A_ROW, Chain

pytestmark = pytest.mark.django_db
ACTIONS = (*ON_A_ROW, *OF_EVENTS)
MODES = ("fixed", "after_completion")


class Undone(Exception):  # noqa: N818 - not an error
    """Takes a step back."""


def steps(rows: int, days: tuple[int, ...]) -> list[tuple[str, int, int]]:
    return list(product(ACTIONS, range(rows), days))


def walk(chain: Chain, depth: int, days: tuple[int, ...]) -> Iterator[int]:
    """Each chain of up to `depth` possible steps from here, each settled at its end; 1 for each.

    A step is taken once, whatever follows it: it is a savepoint that is rolled back.
    """
    for step in steps(len(chain.model.rows), days):
        before = deepcopy({key: value for key, value in vars(chain).items() if key != "clock"})
        try:
            with transaction.atomic():
                if chain.act(*step):
                    yield 1
                    settle(chain)
                    if depth > 1:
                        yield from walk(chain, depth - 1, days)
                raise Undone
        except Undone:
            pass
        except AssertionError as error:
            error.add_note(str(step))
            raise
        finally:
            vars(chain).update(before)
            chain.pass_days(0)


def settle(chain: Chain) -> None:
    before = deepcopy({key: value for key, value in vars(chain).items() if key != "clock"})
    try:
        with transaction.atomic():
            chain.settle()
            raise Undone
    except Undone:
        vars(chain).update(before)


def chains(user: User, depth: int, days: tuple[int, ...] = (0, 2)) -> int:
    with time_machine.travel(0, tick=False) as clock:
        return sum(sum(walk(Chain(user, clock, mode), depth, days)) for mode in MODES)


def test_chains_of_two_steps(charlie: User) -> None:
    assert chains(charlie, 2) > 100


@pytest.mark.slow
def test_chains_of_three_steps(charlie: User) -> None:
    assert chains(charlie, 3, days=(1,)) > 200


@pytest.mark.fuzz
def test_chains_of_four_steps(charlie: User) -> None:
    print(f"\n{chains(charlie, 4)} chains")  # noqa: T201 - the figure of the run


def machine(user: User) -> Any:
    class Series(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.travel = time_machine.travel(0, tick=False)
            self.savepoint = transaction.atomic()
            self.savepoint.__enter__()
            self.chain = Chain(user, self.travel.start(), MODES[0])

        @rule(
            action=st.sampled_from(ACTIONS),
            number=st.integers(0, 3),
            days=st.sampled_from([0, 0, 1, 3]),
        )
        def step(self, action: str, number: int, days: int) -> None:
            self.chain.act(action, number, days)

        @precondition(lambda self: self.chain.waiting)
        @rule()
        def settle(self) -> None:
            self.chain.settle()

        def teardown(self) -> None:
            self.chain.settle()
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)
            self.travel.stop()

    return Series


def run(user: User, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine(user),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=examples < 100,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_long_chains(charlie: User) -> None:
    run(charlie, 5, 12)


@pytest.mark.fuzz
def test_many_long_chains(charlie: User) -> None:
    run(charlie, 2_000, 20)
