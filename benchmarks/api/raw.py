"""The same rows without the work around them: psycopg alone, by INSERT and by COPY."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from json import dumps
from typing import Any, Self

import psycopg
from django.utils import timezone
from psycopg import sql
from uuid_utils.compat import uuid7

from benchmarks.api.asking import asking
from benchmarks.measuring import Side, Turn
from benchmarks.stage import Stage, Web, people
from events_app.models import OutboxEvent
from tasks_app.models import Task

_EVENT_COLUMNS = (
    "event_id",
    "topic",
    "type",
    "key",
    "subject",
    "sequence",
    "time",
    "data",
    "request_id",
    "merge_key",
)


class Raw:
    """Connections that write what the product writes.

    The values are those of a task that the product's web process has made of `body`, with its two events: the
    same columns and as many bytes. Use it as a context manager.
    """

    name: str
    connections = 1

    def __init__(self, stage: Stage, web: Web, body: Mapping[str, Any]) -> None:
        self.owners = f"{self.name} {len(body)}".replace(" ", "-")
        person = people(self.owners, 1)[0]
        with asking(web, person.token) as client:
            model = client.ask("POST", "/api/tasks", body)
        events = OutboxEvent.objects.filter(subject=str(model["id"])).order_by("id")
        self.events = list(events.values(*_EVENT_COLUMNS))
        self.task, self.tag_ids = Task.objects.values().get(pk=model["id"]), model["tag_ids"]
        url = stage.environment["DATABASE_URL"]
        self.open = [psycopg.connect(url, autocommit=True) for _ in range(self.connections)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.open:
            connection.close()


class Inserts(Raw):
    """4 connections, each inserting one task after the other, with its tags and events, in one statement."""

    name, connections = "raw", 4

    @cached_property
    def side(self) -> Side:
        statement = self._statement().as_bytes(self.open[0])

        def turn(seconds: float) -> Turn:
            started = time.perf_counter()
            with ThreadPoolExecutor(self.connections) as pool:
                done = pool.map(lambda one: self._insert(one, statement, started + seconds), self.open)
                latencies = [latency for each in done for latency in each]
            return Turn(latencies, time.perf_counter() - started)

        return Side(f"raw psycopg, {self.connections} connections", turn)

    def _statement(self) -> sql.Composed:
        columns = [name for name in self.task if name != "id"]
        event = sql.SQL("({}::uuid, {}, {}, {}::jsonb)")
        return sql.SQL(
            """
            WITH task AS (INSERT INTO tasks ({columns}) VALUES ({values}) RETURNING id),
                 tags AS (INSERT INTO task_tags (task_id, tag_id, created_at)
                          SELECT task.id, tag_id, %(created_at)s
                            FROM task, unnest(%(tag_ids)s::bigint[]) AS tag_id)
            INSERT INTO outbox_events
                   (event_id, topic, type, key, subject, sequence, time, data, request_id, merge_key)
            SELECT event_id, topic, type, %(key)s, task.id::text, 1, %(created_at)s,
                   data || jsonb_build_object('task_id', task.id), '', topic || ':' || task.id
              FROM task, (VALUES {events}) AS event (event_id, topic, type, data)
            """
        ).format(
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(map(sql.Placeholder, columns)),
            events=sql.SQL(", ").join(
                event.format(
                    sql.Placeholder(f"event_id_{number}"),
                    sql.Literal(one["topic"]),
                    sql.Literal(one["type"]),
                    sql.Placeholder(f"data_{number}"),
                )
                for number, one in enumerate(self.events)
            ),
        )

    def _insert(self, connection: psycopg.Connection[Any], statement: bytes, until: float) -> Sequence[float]:
        values = self.task | {"key": str(self.task["user_id"]), "tag_ids": self.tag_ids}
        values |= {f"data_{number}": dumps(event["data"]) for number, event in enumerate(self.events)}
        latencies = []
        while (sent := time.perf_counter()) < until:
            values["created_at"] = values["updated_at"] = timezone.now()
            values |= {f"event_id_{number}": uuid7() for number in range(len(self.events))}
            connection.execute(statement, values, prepare=True)
            latencies.append(time.perf_counter() - sent)
        return latencies


class Copies(Raw):
    """One connection that brings so many tasks, with their events, by two COPY in one transaction."""

    name = "copy"

    def __init__(self, *arguments: Any, count: int) -> None:
        super().__init__(*arguments)
        self.side = Side("COPY", self._turn)
        self._count = count

    def _turn(self, seconds: float) -> Turn:
        started, latencies = time.perf_counter(), []
        while (sent := time.perf_counter()) < started + seconds:
            self._copy(self.open[0])
            latencies.append(time.perf_counter() - sent)
        return Turn(latencies, time.perf_counter() - started, pieces=self._count)

    def _copy(self, connection: psycopg.Connection[Any]) -> None:
        ids = "SELECT nextval(pg_get_serial_sequence('tasks', 'id')) FROM generate_series(1, %s)"
        with connection.transaction(), connection.cursor() as cursor:
            tasks = [self.task | {"id": pk} for (pk,) in cursor.execute(ids, [self._count])]
            events = [self._event(event, task["id"]) for task in tasks for event in self.events]
            for table, rows in (("tasks", tasks), ("outbox_events", events)):
                columns = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
                into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
                with cursor.copy(into) as copy:
                    for row in rows:
                        copy.write_row(list(row.values()))

    @staticmethod
    def _event(event: dict[str, Any], task_id: int) -> dict[str, Any]:
        return event | {
            "event_id": uuid7(),
            "subject": str(task_id),
            "data": dumps(event["data"] | {"task_id": task_id}),
            "merge_key": f"{event['topic']}:{task_id}",
        }
