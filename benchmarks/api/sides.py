"""The sides that several benchmarks of the API have in common."""

from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any, Protocol

import psycopg

from benchmarks.load import CONNECTIONS, load, request
from benchmarks.measuring import Series, Side
from benchmarks.stage import Stage, Web
from benchmarks.versions import tokens

NAIVE = "benchmarks.naive.wsgi:application"
NAIVE_SETTINGS = {"DJANGO_SETTINGS_MODULE": "benchmarks.naive.settings"}
# What is sent as JSON; the field of the priority has another name in the naive project.
TASK = {
    "title": "Water the plants",
    "description": "All of them, the one behind the curtain too.",
    "due_at": "2030-05-01T09:00:00+02:00",
    "color": "green",
}
PLAIN: dict[str, Any] = TASK | {"priority_id": 3}
# What a client sends: a tag by its name, and a reminder half an hour before.
FULL: dict[str, Any] = PLAIN | {"tags": ["home"], "reminder_offsets": [30]}

_WRITTEN = """
    WITH owners AS (SELECT id FROM users WHERE email LIKE %(emails)s)
    SELECT (SELECT count(*) FROM tasks WHERE user_id IN (SELECT id FROM owners)),
           (SELECT count(*) FROM outbox_events WHERE key IN (SELECT id::text FROM owners))
"""


class Creator(Protocol):
    """A side that creates tasks, of users whose addresses begin with `owners`."""

    owners: str

    @property
    def side(self) -> Side: ...


class Creates:
    """Posts tasks to one web process, over and over: a connection for each (token, body)."""

    def __init__(
        self, name: str, web: Web, owners: str, posts: Iterable[tuple[str, Mapping[str, Any]]]
    ) -> None:
        self.owners = owners
        requests = [request("POST", "/api/tasks", token=token, body=body) for token, body in posts]
        self.side = Side(name, lambda seconds: load(web, [repeat(one) for one in requests], seconds=seconds))


def creates(name: str, stage: Stage, web: Web, body: Mapping[str, Any] = PLAIN) -> Creates:
    """16 new users who all post the same."""
    owners = f"{name} {len(body)}".replace(" ", "-")
    return Creates(name, web, owners, [(token, body) for token in tokens(stage, owners, CONNECTIONS)])


def require_rows(stage: Stage, creator: Creator, series: Series, *, events: int) -> None:
    """Each task that was answered is there, with so many events. Raises RuntimeError when that is not so."""
    with psycopg.connect(stage.environment["DATABASE_URL"]) as connection:
        row = connection.execute(_WRITTEN, {"emails": f"{creator.owners}-%"}).fetchone()
    assert row
    tasks, written = row
    if tasks < series.done or not series.done or written != events * tasks:
        raise RuntimeError(f"{series.name}: {series.done} answers, {tasks} tasks, {written} events.")
