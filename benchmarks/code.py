"""The code itself: how large the rooms are, and how far a request goes through them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.calls import Figures
from benchmarks.report import Report, table
from benchmarks.rooms import Size, sizes
from benchmarks.stage import Stage
from benchmarks.versions import python, versions

_CALLS = Path(__file__).with_name("calls.py")


def run(stage: Stage) -> Report:
    """This checkout and those that `--beside` names, column by column."""
    with versions(stage) as stages:
        rooms = {name: sizes(one.checkout) for name, one in stages.items()}
        ways = {name: _ways(one) for name, one in stages.items()}
    rooms = {name: found | {"together": Size.together(found.values())} for name, found in rooms.items()}
    return Report(
        "The size of the code, and how far a request goes",
        [
            "Files, lines, functions, and private helpers that their file names in one place only:",
            _table(rooms, nothing="no such room"),
            "Functions of ours that a request calls, their files, moves from one file to another, and SQL"
            " statements (BEGIN and COMMIT too), in a warm process without throttles:",
            _table(ways, nothing=""),
        ],
    )


def _ways(stage: Stage) -> dict[str, Figures]:
    # As in the tests, which hold the bounds.
    found = json.loads(
        python(stage, str(_CALLS), THROTTLE_WRITES="off", THROTTLE_OPERATIONS="off").splitlines()[-1]
    )
    return {name: Figures(*figures) for name, figures in found.items()}


def _table(found: Mapping[str, Mapping[str, Sequence[int]]], *, nothing: str) -> str:
    """A row for each room or way, a column for each version: its figures, with a slash between them."""
    names = dict.fromkeys(name for one in found.values() for name in one)
    rows = [[name, *(_figures(one.get(name), nothing) for one in found.values())] for name in names]
    return table(["", *found], rows)


def _figures(figures: Sequence[int] | None, nothing: str) -> str:
    return " / ".join(f"{figure:,}" for figure in figures) if figures else nothing
