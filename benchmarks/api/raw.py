"""The same rows without the work around them: one statement of psycopg for a task and its two events."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from json import dumps
from typing import Any

import psycopg
from django.utils import timezone
from psycopg import sql
from uuid_utils.compat import uuid7

from benchmarks.measuring import Side, Turn
from benchmarks.stage import Person
from events_app.models import OutboxEvent
from tasks_app.models import Task
from tasks_app.services import create_task

CONNECTIONS = 4


class RawCreates(AbstractContextManager["RawCreates"]):
    """4 connections, each inserting one task after the other, in the shape the product gives them.

    The values are those of a task that the product itself has made, so both write the same columns and bytes.
    """

    def __init__(self, database_url: str, person: Person, fields: dict[str, Any]) -> None:
        self.people = [person]
        model = create_task(person.user, **fields)
        self._task = Task.objects.values().get(pk=model.pk)
        self._events = list(OutboxEvent.objects.filter(subject=str(model.pk)).order_by("id").values())
        self._connections = [psycopg.connect(database_url, autocommit=True) for _ in range(CONNECTIONS)]
        self._statement = self._one_statement().as_bytes(self._connections[0])
        self.side = Side(f"raw psycopg, {CONNECTIONS} connections", self._turn)

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()

    def _one_statement(self) -> sql.Composed:
        columns = [name for name in self._task if name != "id"]
        return sql.SQL(
            """
            WITH task AS (INSERT INTO tasks ({columns}) VALUES ({values}) RETURNING id)
            INSERT INTO outbox_events
                   (event_id, topic, type, key, subject, sequence, time, data, request_id, merge_key)
            SELECT event_id, topic, type, %(key)s, task.id::text, 1, %(now)s,
                   data || jsonb_build_object('task_id', task.id), '', topic || ':' || task.id
              FROM task, (VALUES {events}) AS event (event_id, topic, type, data)
            """
        ).format(
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(map(sql.Placeholder, columns)),
            events=sql.SQL(", ").join(
                sql.SQL("({}::uuid, {}, {}, {}::jsonb)").format(
                    sql.Placeholder(f"event_id_{number}"),
                    sql.Literal(event["topic"]),
                    sql.Literal(event["type"]),
                    sql.Placeholder(f"data_{number}"),
                )
                for number, event in enumerate(self._events)
            ),
        )

    def _turn(self, seconds: float) -> Turn:
        started = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            latencies = pool.map(lambda one: self._insert(one, started + seconds), self._connections)
            done = [latency for each in latencies for latency in each]
        return Turn(done, time.perf_counter() - started)

    def _insert(self, connection: psycopg.Connection[Any], until: float) -> Sequence[float]:
        values = self._task | {"key": str(self._task["user_id"])}
        values |= {f"data_{number}": dumps(event["data"]) for number, event in enumerate(self._events)}
        latencies = []
        with connection.cursor() as cursor:
            while (sent := time.perf_counter()) < until:
                now = timezone.now()
                values |= {"now": now, "created_at": now, "updated_at": now}
                values |= {f"event_id_{number}": uuid7() for number in range(len(self._events))}
                cursor.execute(self._statement, values, prepare=True)
                latencies.append(time.perf_counter() - sent)
        return latencies
