"""GET /api/tasks: a page of 50, each with its tags and priority, on 16 connections."""

from itertools import repeat

from benchmarks.api.sides import NAIVE, NAIVE_SETTINGS
from benchmarks.load import CONNECTIONS, load, request
from benchmarks.measuring import Side
from benchmarks.report import Report, generator_line, ratio_line, side_table
from benchmarks.stage import Person, Stage, Web, people
from tasks_app.models import Tag, Task, TaskTag

GOAL = 5
TASKS_OF_EACH, TAGS_OF_EACH, TAGS_OF_A_TASK = 200, 5, 2


def run(stage: Stage) -> Report:
    """The same pages of the same users, from this backend and a naive ModelSerializer with prefetch."""
    owners = people("reader", CONNECTIONS)
    for owner in owners:
        _fill(owner)
    with (
        stage.web() as product,
        stage.web(NAIVE, **NAIVE_SETTINGS) as naive,
        stage.web(NAIVE, **NAIVE_SETTINGS, NAIVE_CONN_MAX_AGE="60") as keeping,
    ):
        webs = {"this backend": product, "naive": naive, "naive, connections kept": keeping}
        series = stage.measure(*(_reads(name, web, owners) for name, web in webs.items()))
    ours, naive_, kept = series.values()
    return Report(
        "A list of 50",
        [
            side_table(series.values(), unit="pages"),
            "\n".join(ratio_line(ours, other, goal=GOAL) for other in (naive_, kept)),
            generator_line(series.values()),
        ],
    )


def _reads(name: str, web: Web, owners: list[Person]) -> Side:
    requests = [request("GET", "/api/tasks", token=owner.token) for owner in owners]
    return Side(name, lambda seconds: load(web, [repeat(one) for one in requests], seconds=seconds))


def _fill(owner: Person) -> None:
    tags = Tag.objects.bulk_create([Tag(user=owner.user, name=f"tag {n}") for n in range(TAGS_OF_EACH)])
    tasks = Task.objects.bulk_create(
        [
            Task(user=owner.user, title=f"Water plant {n}", description="The one behind the curtain.")
            for n in range(TASKS_OF_EACH)
        ]
    )
    TaskTag.objects.bulk_create(
        [
            TaskTag(task=task, tag=tags[(n + k) % TAGS_OF_EACH])
            for n, task in enumerate(tasks)
            for k in range(TAGS_OF_A_TASK)
        ]
    )
