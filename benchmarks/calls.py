"""How far a request goes: the project's functions that one calls, their files, and its SQL statements.

`python -P benchmarks/calls.py` prints the figures of the checkout it is started in as JSON. So it needs only
what every version of the project has.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

TITLE = {"title": "Water the plants"}
TAG_AND_REMINDER = TITLE | {
    "due_at": "2030-05-01T09:00:00+02:00",
    "tags": ["home"],
    "reminder_offsets": [30],
}
_NOT_PART_OF_THE_PRODUCT = {"tests", "benchmarks"}


class Figures(NamedTuple):
    """How many of each: calls, files, moves from one file to another, statements."""

    calls: int
    files: int
    moves: int
    statements: int


@dataclass
class Way:
    """The file of each call, in their order, and how many statements were sent (BEGIN and COMMIT too)."""

    files: list[str] = field(default_factory=list)
    statements: int = 0

    @property
    def figures(self) -> Figures:
        moves = sum(here != there for here, there in pairwise(self.files))
        return Figures(len(self.files), len(set(self.files)), moves, self.statements)


def ways(user: Any) -> dict[str, Way]:
    """The way of each kind of request by this user, in a process that has answered them all before."""
    from rest_framework.test import APIClient
    from rest_framework_simplejwt.tokens import AccessToken

    token = AccessToken.for_user(user)
    client = APIClient(SERVER_NAME="localhost", HTTP_AUTHORIZATION=f"Bearer {token}")
    _ask_all(client)
    return _ask_all(client)


def _ask_all(client: Any) -> dict[str, Way]:
    found: dict[str, Way] = {}

    def send(name: str, method: str, path: str, body: object = None) -> Any:
        with traced() as found[name]:
            answer = getattr(client, method)(f"/api/tasks{path}", body, format="json")
        assert answer.status_code < 300, answer.content
        return answer.json().get("id") if answer.content else None

    task = send("POST a title", "post", "", TITLE)
    send("POST with a tag and a reminder", "post", "", TAG_AND_REMINDER)
    _relay()
    send("GET one", "get", f"/{task}")
    send("GET the list", "get", "")
    send("PATCH a title", "patch", f"/{task}", {"title": "Water all of them"})
    _relay()
    send("DELETE for good", "delete", f"/{task}?permanent=true")
    series = client.post("/api/tasks", TAG_AND_REMINDER | {"recurrence_rule": "daily"}, format="json")
    _relay()
    send("complete", "post", f"/{series.json()['id']}/complete")
    with traced() as found["the next occurrence, by the relay"]:
        _relay_batch()
    _relay()
    return found


def _relay() -> None:
    while _relay_batch():
        pass


def _relay_batch() -> int:
    from events_app.brokers import InProcessBroker
    from events_app.relay import relay_batch

    return relay_batch(InProcessBroker())


@contextmanager
def traced() -> Iterator[Way]:
    """What the block goes through.

    Comprehensions, generator expressions and lambdas do not count: since Python 3.12 some of them are no
    calls. A generator counts each time it goes on.
    """
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    import todo_project

    assert todo_project.__file__
    folders = tuple(f"{path}/" for path in packages(Path(todo_project.__file__).parents[1]))
    way = Way()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(folders) and not code.co_name.startswith("<"):
            way.files.append(code.co_filename)

    with CaptureQueriesContext(connection) as queries:
        sys.setprofile(note)
        try:
            yield way
        finally:
            sys.setprofile(None)
    way.statements = len(queries)


def packages(checkout: Path) -> list[Path]:
    """The folders of the product's own code."""
    found = {path.parent for path in checkout.glob("*/__init__.py")}
    return sorted(path for path in found if path.name not in _NOT_PART_OF_THE_PRODUCT)


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
    django.setup()
    from accounts_app.models import User

    user = User.objects.create_user("calls@example.test", "correct horse battery staple")
    print(json.dumps({name: way.figures for name, way in ways(user).items()}))


if __name__ == "__main__":
    main()
