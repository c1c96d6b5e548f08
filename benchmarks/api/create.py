"""POST /api/tasks: sign-in check, validation, the task and both its events, on 16 connections."""

from benchmarks.api.raw import Inserts
from benchmarks.api.sides import NAIVE, NAIVE_SETTINGS, TASK, Creates, Creator, require_rows
from benchmarks.report import Report, generator_line, ratio_line, side_table
from benchmarks.stage import Stage, people

NAIVE_GOAL, RAW_GOAL = 3, 0.25


def run(stage: Stage) -> Report:
    """This backend beside a naive ModelViewSet (with connections as by default, and kept) and raw psycopg."""
    with (
        stage.web() as product,
        stage.web(NAIVE, **NAIVE_SETTINGS) as naive,
        stage.web(NAIVE, **NAIVE_SETTINGS, NAIVE_CONN_MAX_AGE="60") as keeping,
        Inserts(stage.environment["DATABASE_URL"], people("raw", 1)[0], TASK | {"priority_id": 3}) as raw,
    ):
        sides: dict[str, Creator] = {
            "ours": Creates("this backend", product),
            "naive": Creates("naive", naive, priority_field="priority"),
            "kept": Creates("naive, connections kept", keeping, priority_field="priority"),
            "raw": raw,
        }
        series = stage.measure(*(one.side for one in sides.values()))
    for name, events in {"ours": 2, "naive": 1, "kept": 1, "raw": 2}.items():
        require_rows(sides[name].people, series[sides[name].side.name], events=events)
    ours, naive_, kept, raw_ = series.values()
    return Report(
        "Creating a task",
        [
            side_table(series.values(), unit="tasks"),
            "\n".join(
                [
                    ratio_line(ours, naive_, goal=NAIVE_GOAL),
                    ratio_line(ours, kept, goal=NAIVE_GOAL),
                    ratio_line(ours, raw_, goal=RAW_GOAL),
                ]
            ),
            generator_line([ours, naive_, kept]),
        ],
    )
