"""Processes, servers and the network fail under sixteen writers: no change is lost, invented or overtaken.

The short run is among the slow tests, the full one is
`./todo test -n 0 -s -m faults tests/faults/test_fault_run.py`;
FAULT_CHANGES, FAULT_KILLS and FAULT_CUT_SECONDS say how much, FAULT_SEED (printed) draws the same again.
"""

import os
from pathlib import Path
from uuid import uuid4

import pytest

from events_app.kafka import PUBLISH_BATCH
from tests.faults.faults import Faults
from tests.faults.history import History, duplicates_per_fault
from tests.faults.mutations import MUTATIONS
from tests.faults.replays import replay
from tests.faults.run import Run, number, run_of
from tests.faults.verdicts import judge, summary

pytestmark = pytest.mark.kafka


def fault_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, changes: int, kills: int, cut: float, replays: int
) -> History:
    seed = os.environ.get("FAULT_SEED") or uuid4().hex[:8]
    print(f"\nFAULT_SEED={seed}: {changes} changes, {kills} kills, network cut for {cut:.0f} s twice")
    with run_of(folder, seed, monkeypatch) as run:
        faults = Faults(run.running, run.kafka, run.way, kills=kills, cut_seconds=cut, seed=seed)
        run.load(changes, faults)
        run.settle()
        run.stop_processes()
        history = run.history(faults)
        tell(run, history, faults)
        verdicts = judge(history)
        print("\n".join(summary(verdicts)), flush=True)
        assert not any(verdicts.values()), verdicts
        for messages, of_faults in duplicates_per_fault(history):
            assert messages <= PUBLISH_BATCH * of_faults
        assert run.journal.other_answers == 0
        replay(run, replays)
    return history


def tell(run: Run, history: History, faults: Faults) -> None:
    again = [messages for messages, _ in duplicates_per_fault(history)]
    cut_off = sum(one.was_cut_off for attempts in history.attempts.values() for one in attempts)
    print(
        f"{run.journal.changes} changes acknowledged in {run.journal.requests} requests"
        f" ({run.journal.repeats} sent again with their key, {run.journal.other_answers} answered otherwise),"
        f" {len(history.states)} committed, {len(history.events)} events\n"
        f"faults: {faults.counts}\n"
        f"messages that came again: {len(history.duplicates)}, after one fault at most"
        f" {max(again, default=0)} (a batch is {PUBLISH_BATCH})\n"
        f"{len(history.reminders)} reminders, {len(history.pushes)} pushes,"
        f" {len(history.closed)} accounts erased, {cut_off} sends cut off from PostgreSQL;"
        f" {len(history.troubles)} tries that failed"
    )


def assert_the_verdicts_can_fail(history: History) -> None:
    """Spoilt in each way, this very history is found out."""
    for name, spoil in MUTATIONS.items():
        wrong = {verdict for verdict, found in judge(spoil(history)).items() if found}
        print(f"  spoilt ({name}): {', '.join(sorted(wrong))}")
        assert name in wrong, (name, wrong)


@pytest.mark.slow
def test_two_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = fault_run(tmp_path, monkeypatch, changes=2500, kills=12, cut=8, replays=1)
    assert_the_verdicts_can_fail(history)


@pytest.mark.faults
def test_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes, kills = number("FAULT_CHANGES", 100_000), number("FAULT_KILLS", 200)
    cut = number("FAULT_CUT_SECONDS", 60)
    fault_run(tmp_path, monkeypatch, changes=changes, kills=kills, cut=cut, replays=3)
