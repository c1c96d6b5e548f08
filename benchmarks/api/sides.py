"""The sides that several benchmarks of the API have in common."""

from itertools import repeat
from typing import Protocol

from benchmarks.load import CONNECTIONS, load, request
from benchmarks.measuring import Series, Side
from benchmarks.stage import Person, Web, people
from events_app.models import OutboxEvent
from tasks_app.models import Task

NAIVE = "benchmarks.naive.wsgi:application"
NAIVE_SETTINGS = {"DJANGO_SETTINGS_MODULE": "benchmarks.naive.settings"}
# What is sent as JSON; the field of the priority has another name in the naive project.
TASK = {
    "title": "Water the plants",
    "description": "All of them, the one behind the curtain too.",
    "due_at": "2030-05-01T09:00:00+02:00",
    "color": "green",
}


class Creator(Protocol):
    """A side that creates tasks of these people."""

    people: list[Person]

    @property
    def side(self) -> Side: ...


class Creates:
    """Posts tasks to one web process, as 16 users on a connection each."""

    def __init__(self, name: str, web: Web, *, priority_field: str = "priority_id") -> None:
        self.people = people(name, CONNECTIONS)
        body = TASK | {priority_field: 3}
        requests = [request("POST", "/api/tasks", token=one.token, body=body) for one in self.people]
        self.side = Side(name, lambda seconds: load(web, [repeat(one) for one in requests], seconds=seconds))


def require_rows(owners: list[Person], series: Series, *, events: int) -> None:
    """Each task that was answered is there, with so many events. Raises RuntimeError when that is not so."""
    ids = [one.user.pk for one in owners]
    tasks = Task.objects.filter(user__in=ids).count()
    written = OutboxEvent.objects.filter(key__in=map(str, ids)).count()
    if tasks < series.done or not series.done or written != events * tasks:
        raise RuntimeError(f"{series.name}: {series.done} answers, {tasks} tasks, {written} events.")
