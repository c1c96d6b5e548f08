"""The memory of a web worker that has answered many requests."""

from itertools import cycle, islice

from benchmarks.api.sides import TASK
from benchmarks.load import CONNECTIONS, load, request
from benchmarks.report import Report, table
from benchmarks.stage import Person, Stage, people
from tasks_app.services import create_task

PARTS = (1, 10, 25, 50, 75, 100)  # in hundredths of the requests
ALLOWED = (200, 201, 400, 404)


def run(stage: Stage) -> Report:
    """Resident memory after 1, 10 ... 100 % of the requests: creates, lists, reads, patches and errors."""
    owners = people("worker", CONNECTIONS)
    scripts = [cycle(_mix(owner)) for owner in owners]
    measured: dict[int, float] = {}
    sent = 0
    with stage.web(WEB_CONCURRENCY="1") as web:
        for part in PARTS:
            upto = stage.requests * part // 100
            each = (upto - sent) // CONNECTIONS
            load(web, [islice(script, each) for script in scripts], allowed=ALLOWED)
            sent += each * CONNECTIONS
            measured[sent] = web.workers[0].memory_info().rss / 2**20
    first, *_, last = measured.values()
    return Report(
        "The memory of a worker",
        [
            table(["requests", "resident, MB"], [[f"{n:,}", f"{mb:.1f}"] for n, mb in measured.items()]),
            f"After all / after the first hundredth: **{last / first:.3f}** ({last - first:+.1f} MB).",
        ],
    )


def _mix(owner: Person) -> list[bytes]:
    """Ten requests: three creates, a list, two reads, two patches and two mistakes."""
    task = create_task(owner.user, title="Read over and over")
    path, token = f"/api/tasks/{task.pk}", owner.token
    create = request("POST", "/api/tasks", token=token, body=TASK)
    return [
        create,
        request("GET", path, token=token),
        request("PATCH", path, token=token, body={"title": "Odd", "pinned": True}),
        create,
        request("GET", "/api/tasks", token=token),
        request("POST", "/api/tasks", token=token, body={"title": "", "no_such_field": 1}),
        request("GET", path, token=token),
        request("PATCH", path, token=token, body={"title": "Even", "pinned": False}),
        create,
        request("GET", "/api/tasks/999999999999", token=token),
    ]
