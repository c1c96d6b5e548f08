"""Whether a list costs more for a user with a million tasks than for one with 1,000."""

import http.client
import time
from itertools import islice, repeat
from json import loads
from urllib.parse import urlsplit

from benchmarks.load import load, request
from benchmarks.measuring import Side
from benchmarks.report import Report, table
from benchmarks.scale.queries import queries
from benchmarks.scale.rows import SMALL, Owner, make_rows, size_on_disk
from benchmarks.stage import Stage, Web

GOAL = 2
REQUESTS = 20  # a turn, on one connection
DEEP = "page 1,000 (of the small one: the last)"
DEEP_ROWS = 50_000  # where page 1,000 of 50 begins


def run(stage: Stage) -> Report:
    """Each query of the task list for both users, in turns, on one connection."""
    started = time.monotonic()
    small, large = make_rows(stage.tasks)
    made = f"{stage.tasks * 11:,} rows, {size_on_disk()} on disk, made in {time.monotonic() - started:.0f} s."
    with stage.web() as web:
        paths = {
            name: (f"/api/tasks?{query}", f"/api/tasks?{queries(large)[name]}")
            for name, query in queries(small).items()
        }
        if stage.only in DEEP:
            paths[DEEP] = (_deep(web, small), _deep(web, large))
        rows = [
            _compare(stage, web, name, (small, large), pair)
            for name, pair in paths.items()
            if stage.only in name
        ]
    head = [
        "",
        f"p50 ms of {SMALL:,}",
        "p99 ms",
        f"p50 ms of {stage.tasks:,}",
        "p99 ms",
        "p99, times",
        "goal 2",
    ]
    good = sum(row[-1] == "reached" for row in rows)
    said = (
        f"{good} of {len(rows)} take at most {GOAL} times as long at {stage.tasks:,} tasks as at {SMALL:,}."
    )
    return Report(
        f"A user with a million tasks{stage.only and f': {stage.only}'}", [made, said, table(head, rows)]
    )


def _compare(
    stage: Stage, web: Web, name: str, owners: tuple[Owner, Owner], paths: tuple[str, str]
) -> list[str]:
    few, many = stage.measure(
        *(
            _side(web, side, owner, path)
            for side, owner, path in zip(("few", "many"), owners, paths, strict=True)
        )
    ).values()
    times = many.milliseconds(99) / few.milliseconds(99)
    figures = [few.milliseconds(50), few.milliseconds(99), many.milliseconds(50), many.milliseconds(99)]
    row = [
        name,
        *(f"{figure:,.1f}" for figure in figures),
        f"{times:.2f}",
        "reached" if times <= GOAL else "missed",
    ]
    print(" | ".join(row), flush=True)
    return row


def _side(web: Web, name: str, owner: Owner, path: str) -> Side:
    message = request("GET", path, token=owner.person.token)
    return Side(name, lambda seconds: load(web, [islice(repeat(message), REQUESTS)], seconds=seconds))


def _deep(web: Web, owner: Owner) -> str:
    """The path of the page that begins at row 50,000, or of the last one, reached as a client reaches it."""
    path = "/api/tasks?page_size=200"
    client = http.client.HTTPConnection("127.0.0.1", web.port)
    for _ in range(DEEP_ROWS // 200):
        client.request("GET", path, headers={"Authorization": f"Bearer {owner.person.token}"})
        answer = loads(client.getresponse().read())
        if answer["next"] is None:
            break
        address = urlsplit(answer["next"])
        path = f"{address.path}?{address.query}"
    client.close()
    return path.replace("page_size=200", "page_size=50")
