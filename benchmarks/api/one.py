"""One task, read and changed, on one connection: how long one takes."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import cycle, repeat

from benchmarks.api.asking import asking
from benchmarks.api.sides import NAIVE, NAIVE_SETTINGS, TASK
from benchmarks.load import load, request
from benchmarks.measuring import Side
from benchmarks.report import Report, generator_line, latency_line, ratio_line, side_table
from benchmarks.stage import Stage, Web
from benchmarks.versions import tokens, versions

GET_GOAL_MS, UPDATE_GOAL_MS = 2.5, 6
Script = Callable[[str, str], Iterable[bytes]]


def get(stage: Stage) -> Report:
    """GET of one task."""
    return _run(stage, _reads, title="Reading one task", goal=GET_GOAL_MS)


def update(stage: Stage) -> Report:
    """PATCH of its title, to another one each time."""
    return _run(stage, _changes, title="Changing one task's title", goal=UPDATE_GOAL_MS)


def _reads(path: str, token: str) -> Iterable[bytes]:
    return repeat(request("GET", path, token=token))


def _changes(path: str, token: str) -> Iterable[bytes]:
    titles = ("Water the plants", "Water all of them")
    return cycle([request("PATCH", path, token=token, body={"title": title}) for title in titles])


def _run(stage: Stage, script: Script, *, title: str, goal: float) -> Report:
    with versions(stage) as stages, ExitStack() as running:
        sides = [_side(name, one, running.enter_context(one.web()), script) for name, one in stages.items()]
        rival = running.enter_context(
            stage.web(NAIVE, by_wsgi=True, **NAIVE_SETTINGS, NAIVE_CONN_MAX_AGE="60")
        )
        sides.append(_side("naive, connections kept", stage, rival, script))
        series = stage.measure(*sides)
    ours, *others = series.values()
    return Report(
        title,
        [
            "\n".join([latency_line(ours, goal=goal), *(ratio_line(ours, other) for other in others)]),
            side_table(series.values(), unit="requests"),
            generator_line(series.values()),
        ],
    )


def _side(name: str, stage: Stage, web: Web, script: Script) -> Side:
    token = tokens(stage, f"one of {name}".replace(" ", "-"), 1)[0]
    with asking(web, token) as client:
        task = client.ask("POST", "/api/tasks", TASK)["id"]
    requests = script(f"/api/tasks/{task}", token)
    return Side(name, lambda seconds: load(web, [requests], seconds=seconds))
