"""Triggers that write down each change of a task and each event beside the transaction that made it.

Outside of the application: a change that is taken back takes its line along, and what the relay removed
from the outbox still stands here.
"""

from tests.acceptance.instance import Instance

# The purge of a trashed task is no event: its trashing was. What no one can see (claims) moves no version.
_TRIGGERS = """
    CREATE TABLE journal (xact xid8 NOT NULL, what text NOT NULL, task text NOT NULL);
    CREATE FUNCTION journal_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO journal VALUES (pg_current_xact_id(), 'change', COALESCE(NEW.id, OLD.id)::text);
        RETURN NULL;
    END $$;
    CREATE FUNCTION journal_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO journal VALUES (pg_current_xact_id(), NEW.topic, NEW.subject);
        RETURN NULL;
    END $$;
    CREATE TRIGGER made AFTER INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION journal_change();
    CREATE TRIGGER changed AFTER UPDATE ON tasks FOR EACH ROW
        WHEN (OLD.version IS DISTINCT FROM NEW.version) EXECUTE FUNCTION journal_change();
    CREATE TRIGGER erased AFTER DELETE ON tasks FOR EACH ROW
        WHEN (OLD.deleted_at IS NULL) EXECUTE FUNCTION journal_change();
    CREATE TRIGGER written AFTER INSERT OR UPDATE ON outbox_events FOR EACH ROW
        WHEN (NEW.topic IN ('task-events', 'task-updates') AND NEW.type <> 'task.due.approaching')
        EXECUTE FUNCTION journal_event();
"""
_COUNTED = "SELECT count(*) FROM (SELECT DISTINCT xact, task FROM journal WHERE what = %s) AS lines"
_LINES = "SELECT xact, task FROM journal WHERE what = %s"
_UNMATCHED = f"""
    SELECT count(*) FROM (
        ({_LINES} EXCEPT {_LINES}) UNION ALL ({_LINES} EXCEPT {_LINES})
    ) AS unmatched
"""
TOPICS = ("task-events", "task-updates")


def keep_journal(running: Instance) -> None:
    """From now on."""
    running.run(_TRIGGERS)


def changes(running: Instance) -> int:
    """How many times a transaction changed a task."""
    return int(running.rows(_COUNTED, "change")[0][0])


def unmatched(running: Instance) -> dict[str, int]:
    """By topic: changes without their event, and events without a change."""
    return {topic: running.rows(_UNMATCHED, "change", topic, topic, "change")[0][0] for topic in TOPICS}
