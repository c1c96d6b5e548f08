"""PostgreSQL's own testimony: each task as each committed transaction left it.

Written by triggers at the commit, in the same transaction: outside of the application, and neither there
without the change nor the change without it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.acceptance.instance import Instance

# What no one can see (claims) moves no version. The purge of the trash is no change: the trashing was.
# A task that was made and erased in one transaction was never there.
_TRIGGERS = """
    CREATE TABLE witness (
        seq bigserial, xact xid8, task bigint, version integer, data jsonb, tag_ids bigint[],
        PRIMARY KEY (xact, task)
    );
    CREATE INDEX ON witness (task);
    CREATE FUNCTION bear_witness() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        the_id bigint := COALESCE(NEW.id, OLD.id);
        the_row tasks%ROWTYPE;
        the_version integer;
    BEGIN
        SELECT * INTO the_row FROM tasks WHERE id = the_id;
        IF FOUND THEN
            the_version := the_row.version;
        ELSIF EXISTS (SELECT FROM witness WHERE task = the_id AND xact <> pg_current_xact_id()) THEN
            the_version := CASE WHEN TG_OP = 'DELETE' THEN OLD.version + 1 ELSE NEW.version END;
        ELSE
            RETURN NULL;
        END IF;
        INSERT INTO witness (xact, task, version, data, tag_ids) VALUES (
            pg_current_xact_id(), the_id, the_version,
            CASE WHEN the_row.id IS NULL THEN NULL ELSE to_jsonb(the_row) END,
            ARRAY(SELECT tag_id FROM task_tags WHERE task_id = the_id ORDER BY tag_id)
        ) ON CONFLICT (xact, task) DO UPDATE
        SET version = excluded.version, data = excluded.data, tag_ids = excluded.tag_ids;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER witness_made AFTER INSERT ON tasks DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION bear_witness();
    CREATE CONSTRAINT TRIGGER witness_changed AFTER UPDATE ON tasks DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (OLD.version IS DISTINCT FROM NEW.version) EXECUTE FUNCTION bear_witness();
    CREATE CONSTRAINT TRIGGER witness_erased AFTER DELETE ON tasks DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (OLD.deleted_at IS NULL) EXECUTE FUNCTION bear_witness();
"""
_STATES = "SELECT task, version, data, tag_ids FROM witness ORDER BY seq"
_ROWS = """
    SELECT id, version, to_jsonb(tasks),
        ARRAY(SELECT tag_id FROM task_tags WHERE task_id = tasks.id ORDER BY tag_id)
    FROM tasks
"""


@dataclass(frozen=True)
class State:
    """A task as a transaction left it; `data` are its columns, None when it erased it."""

    task: int
    version: int
    data: dict[str, Any] | None
    tag_ids: list[int]


def call_witness(running: Instance) -> None:
    """From now on."""
    running.run(_TRIGGERS)


def testimony(running: Instance) -> list[State]:
    """Every change of every task, each task's in its order."""
    return list(_states(running, _STATES))


def rows(running: Instance) -> list[State]:
    """The tasks there are."""
    return list(_states(running, _ROWS))


def _states(running: Instance, statement: str) -> Iterator[State]:
    with psycopg.connect(running.postgres.url) as connection:
        for row in connection.execute(statement):  # type: ignore[call-overload]
            yield State(*row)


def digests(running: Instance) -> dict[str, str]:
    """By table: a checksum of all its rows and columns."""
    names = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    text = "SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM {} AS t"
    return {name: running.rows(text.format(name))[0][0] for (name,) in running.rows(names)}
