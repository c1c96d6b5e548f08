"""How fast the load generator can go: against a web process that does nothing."""

from itertools import repeat

from benchmarks.load import CONNECTIONS, load, request
from benchmarks.measuring import Side
from benchmarks.report import Report, generator_line, side_table
from benchmarks.stage import Stage


def run(stage: Stage) -> Report:
    """16 connections to the same server command with a WSGI application of two lines."""
    message = request("GET", "/")
    with stage.web("benchmarks.trivial:application", by_wsgi=True) as web:
        side = Side("nothing", lambda seconds: load(web, [repeat(message)] * CONNECTIONS, seconds=seconds))
        series = stage.measure(side)
    return Report(
        "The load generator's own ceiling",
        [side_table(series.values(), unit="answers"), generator_line(series.values())],
    )
