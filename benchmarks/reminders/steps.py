"""Each step of a reminder beside what others would do in its place."""

from django.test import override_settings

from benchmarks.burst.sink import sink
from benchmarks.measuring import ratio
from benchmarks.reminders import claims, eta, idle, pushes
from benchmarks.report import Report, side_table, verdict
from benchmarks.stage import Stage
from devkit.embedded.instance import new_vapid_key

CLAIMS, PUSHES = 1_000, 1_000
SLOW_MILLISECONDS = 20


def run(stage: Stage) -> Report:
    """Claims, pushes, and last the idle scan, whose rows stay until the next benchmark empties them."""
    parts = [*_claims(stage), *_pushes(stage), *idle.compare(stage.tasks)]
    return Report("Reminders step by step", parts)


def _claims(stage: Stage) -> list[str]:
    count = min(stage.tasks, CLAIMS)
    claims.furnish(count)
    with eta.worker(stage):
        series = stage.measure(*claims.sides(), eta.side())
    scan, alone, bare, with_rows, celery = series.values()
    return [
        f"{count:,} reminders at one instant, each of another user without a browser: claim, row and event."
        " In one process, but for Celery's worker, which has two.",
        side_table(series.values(), unit="reminders"),
        f"- the scan beside {bare.name}: {verdict(ratio(scan, bare), goal=0.6)}\n"
        f"- {with_rows.name} beside {bare.name}: {verdict(ratio(with_rows, bare), goal=0.6)}\n"
        f"- the scan beside one commit a reminder: {verdict(ratio(scan, alone), goal=10)}\n"
        f"- the scan beside Celery's ETA tasks: {verdict(ratio(scan, celery), goal=15)}",
    ]


def _pushes(stage: Stage) -> list[str]:
    count = min(stage.tasks, PUSHES)
    surroundings = override_settings(
        VAPID_PRIVATE_KEY=new_vapid_key(),
        VAPID_SUBJECT="mailto:operator@todo-operator.net",
        PUSH_ALLOW_INSECURE_ENDPOINTS=True,
    )
    with surroundings, sink(stage.folder) as push:
        series = stage.measure(*pushes.sides(push, count, 0), *pushes.sides(push, count, SLOW_MILLISECONDS))
    at_once, loop, slow, slow_loop = series.values()
    return [
        f"{count:,} deliveries of as many users, by one process, to a push service on this machine.",
        side_table(series.values(), unit="messages"),
        f"- beside webpush() in a loop, answered at once: {verdict(ratio(at_once, loop), goal=6)}\n"
        f"- answered after {SLOW_MILLISECONDS} ms: {verdict(ratio(slow, slow_loop), goal=6)}",
    ]
