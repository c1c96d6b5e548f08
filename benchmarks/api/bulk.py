"""1,000 tasks by one request, by 1,000 requests, and by COPY."""

from dataclasses import replace
from itertools import repeat

from benchmarks.api.raw import Copies
from benchmarks.api.sides import PLAIN, Creator, creates, require_rows
from benchmarks.load import load, request
from benchmarks.measuring import Side, Turn, ratio
from benchmarks.report import Report, generator_line, side_table
from benchmarks.stage import Stage, Web, people

COUNT = 1_000


class Bulks:
    """One connection that creates 1,000 tasks with each request, all or nothing."""

    def __init__(self, web: Web) -> None:
        self.owners = "bulk"
        operations = [{"op": "create", "data": PLAIN}] * COUNT
        body = {"operations": operations, "atomic": True}
        self._request = request("POST", "/api/tasks/bulk", token=people(self.owners, 1)[0].token, body=body)
        self._web = web
        self.side = Side("bulk, 1,000 a request, 1 connection", self._turn)

    def _turn(self, seconds: float) -> Turn:
        return replace(load(self._web, [repeat(self._request)], seconds=seconds), pieces=COUNT)


def run(stage: Stage) -> Report:
    """Tasks a second each way; the latencies of bulk and COPY are those of 1,000 tasks."""
    with stage.web() as web, Copies(stage, web, PLAIN, count=COUNT) as copies:
        single_ones = creates("one by one, 16 connections", stage, web)
        sides: list[Creator] = [Bulks(web), single_ones, copies]
        series = stage.measure(*(one.side for one in sides))
    for one, found in zip(sides, series.values(), strict=True):
        require_rows(stage, one, found, events=2)
    bulk, single, copy = series.values()
    times, of_copy = ratio(bulk, single), ratio(bulk, copy)
    return Report(
        "Creating 1,000 tasks",
        [
            f"- bulk / one by one: **{times.median:.1f}** ({times.low:.1f} to {times.high:.1f})\n"
            f"- bulk / COPY: **{of_copy.median:.2f}** ({of_copy.low:.2f} to {of_copy.high:.2f})",
            side_table(series.values(), unit="tasks"),
            generator_line([bulk, single]),
        ],
    )
