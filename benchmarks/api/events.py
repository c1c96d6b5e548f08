"""The same creates with the events on and off."""

from benchmarks.api.sides import creates, require_rows
from benchmarks.report import Report, generator_line, ratio_line, side_table
from benchmarks.stage import Stage

GOAL = 0.85


def run(stage: Stage) -> Report:
    """POST /api/tasks of the product, and of the product that records nothing."""
    with stage.web() as product, stage.web("benchmarks.without_events:application") as silent:
        on, off = creates("events on", stage, product), creates("events off", stage, silent)
        series = stage.measure(on.side, off.side)
    require_rows(stage, on, series["events on"], events=2)
    require_rows(stage, off, series["events off"], events=0)
    return Report(
        "What the events cost",
        [
            ratio_line(series["events on"], series["events off"], goal=GOAL),
            side_table(series.values(), unit="tasks"),
            generator_line(series.values()),
        ],
    )
