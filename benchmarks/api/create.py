"""POST /api/tasks: sign-in check, validation, the task and both its events, on 16 connections."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.api.raw import Inserts
from benchmarks.api.sides import FULL, NAIVE, NAIVE_SETTINGS, PLAIN, Creates, Creator, creates, require_rows
from benchmarks.load import CONNECTIONS
from benchmarks.report import Report, generator_line, ratio_line, side_table
from benchmarks.stage import Stage, Web, people
from benchmarks.versions import versions
from tasks_app.models import Tag

NAIVE_GOAL, RAW_GOAL = 3, 0.25
_BODIES = {"with a tag by its name and a reminder": FULL, "without": PLAIN}


@dataclass(frozen=True)
class _Contender:
    creator: Creator
    stage: Stage
    events: int
    goal: float | None = None


def run(stage: Stage) -> Report:
    """This backend, other versions, a naive ModelViewSet (connections by default, and kept), raw psycopg."""
    parts: list[str] = []
    with versions(stage) as stages, ExitStack() as running:
        webs = {name: running.enter_context(one.web()) for name, one in stages.items()}
        naive = running.enter_context(stage.web(NAIVE, by_wsgi=True, **NAIVE_SETTINGS))
        keeping = running.enter_context(
            stage.web(NAIVE, by_wsgi=True, **NAIVE_SETTINGS, NAIVE_CONN_MAX_AGE="60")
        )
        for title, body in _BODIES.items():
            raw = running.enter_context(Inserts(stage, next(iter(webs.values())), body))
            contenders = [
                *(
                    _Contender(creates(name, stages[name], web, body), stages[name], 2)
                    for name, web in webs.items()
                ),
                _Contender(_naive("naive", naive, body), stage, 1, NAIVE_GOAL),
                _Contender(_naive("naive, connections kept", keeping, body), stage, 1, NAIVE_GOAL),
                _Contender(raw, stage, 2, RAW_GOAL),
            ]
            parts += [f"### A task {title}", *_compared(stage, contenders)]
    return Report("Creating a task", parts)


def _compared(stage: Stage, contenders: list[_Contender]) -> Iterator[str]:
    series = stage.measure(*(one.creator.side for one in contenders))
    for one in contenders:
        require_rows(one.stage, one.creator, series[one.creator.side.name], events=one.events)
    ours, *others = series.values()
    goals = [one.goal for one in contenders[1:]]
    yield "\n".join(ratio_line(ours, other, goal=goal) for other, goal in zip(others, goals, strict=True))
    yield side_table(series.values(), unit="tasks")
    yield generator_line(found for found in series.values() if found.name != contenders[-1].creator.side.name)


def _naive(name: str, web: Web, body: Mapping[str, Any]) -> Creates:
    """It takes priority and tags by id, so its users' tags are there before."""
    owners = f"{name} {len(body)}".replace(" ", "-")
    return Creates(name, web, owners, list(_naive_posts(owners, body)))


def _naive_posts(owners: str, body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    sent = {"priority" if field == "priority_id" else field: value for field, value in body.items()}
    for person in people(owners, CONNECTIONS):
        tags = [Tag.objects.create(user=person.user, name=name).pk for name in sent.get("tags", ())]
        yield person.token, sent | ({"tags": tags} if tags else {})
