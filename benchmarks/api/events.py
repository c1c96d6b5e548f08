"""The same creates with the events on and off."""

from benchmarks.api.sides import Creates, require_rows
from benchmarks.report import Report, generator_line, ratio_line, side_table
from benchmarks.stage import Stage

GOAL = 0.85


def run(stage: Stage) -> Report:
    """POST /api/tasks of the product, and of the product that records nothing."""
    with stage.web() as product, stage.web("benchmarks.without_events:application") as silent:
        on, off = Creates("events on", product), Creates("events off", silent)
        series = stage.measure(on.side, off.side)
    require_rows(on.people, series["events on"], events=2)
    require_rows(off.people, series["events off"], events=0)
    return Report(
        "What the events cost",
        [
            side_table(series.values(), unit="tasks"),
            ratio_line(series["events on"], series["events off"], goal=GOAL),
            generator_line(series.values()),
        ],
    )
