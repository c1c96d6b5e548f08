"""GET /api/tasks: a page of 50, each with its tags and priority, on 16 connections."""

from contextlib import ExitStack
from itertools import repeat

from benchmarks.api.asking import asking
from benchmarks.api.sides import NAIVE, NAIVE_SETTINGS
from benchmarks.load import CONNECTIONS, load, request
from benchmarks.measuring import Side
from benchmarks.report import Report, generator_line, ratio_line, side_table
from benchmarks.stage import Stage, Web
from benchmarks.versions import OURS, tokens, versions

GOAL = 5
TASKS_OF_EACH, TAGS_OF_EACH, TAGS_OF_A_TASK = 200, 5, 2


def run(stage: Stage) -> Report:
    """The same pages of the same users, from this backend and a naive ModelSerializer with prefetch."""
    with versions(stage) as stages, ExitStack() as running:
        webs = {name: running.enter_context(one.web()) for name, one in stages.items()}
        readers = {name: _readers(one, webs[name]) for name, one in stages.items()}
        naive = running.enter_context(stage.web(NAIVE, by_wsgi=True, **NAIVE_SETTINGS))
        keeping = running.enter_context(
            stage.web(NAIVE, by_wsgi=True, **NAIVE_SETTINGS, NAIVE_CONN_MAX_AGE="60")
        )
        series = stage.measure(
            *(_reads(name, web, readers[name]) for name, web in webs.items()),
            _reads("naive", naive, readers[OURS]),
            _reads("naive, connections kept", keeping, readers[OURS]),
        )
    ours, *others = series.values()
    goals = {other.name: None if other.name in webs else GOAL for other in others}
    return Report(
        "A list of 50",
        [
            "\n".join(ratio_line(ours, other, goal=goals[other.name]) for other in others),
            side_table(series.values(), unit="pages"),
            generator_line(series.values()),
        ],
    )


def _reads(name: str, web: Web, readers: list[str]) -> Side:
    requests = [request("GET", "/api/tasks", token=token) for token in readers]
    return Side(name, lambda seconds: load(web, [repeat(one) for one in requests], seconds=seconds))


def _readers(stage: Stage, web: Web) -> list[str]:
    """The tokens of users who have many tasks."""
    readers = tokens(stage, "reader", CONNECTIONS)
    for token in readers:
        with asking(web, token) as client:
            client.ask("POST", "/api/tasks/bulk", {"operations": [_create(n) for n in range(TASKS_OF_EACH)]})
    return readers


def _create(number: int) -> dict[str, object]:
    tags = [f"tag {(number + k) % TAGS_OF_EACH}" for k in range(TAGS_OF_A_TASK)]
    task = {"title": f"Water plant {number}", "description": "The one behind the curtain."}
    return {"op": "create", "data": task | {"tags": tags}}
