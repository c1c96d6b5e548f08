"""Statements that PostgreSQL parses and plans once for each session.

Django's own cursors put the values into the text, so that PostgreSQL does both each time. For a fixed
statement that is half of its work and more. Source: docs/decisions/0044-prepared-statements.md.
"""

from time import monotonic
from typing import Any, Self
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from psycopg import Connection, Cursor, OperationalError
from psycopg.errors import FeatureNotSupported

# A session has run a statement so often when it is prepared.
PREPARED_AFTER = 3
# A plan is made for the size that a table has. One that has grown since, from ten rows to thousands, would be
# read from end to end.
PLANS_KEPT_SECONDS = 10.0
_planned_since: WeakKeyDictionary[Connection[Any], float] = WeakKeyDictionary()


def prepared_cursor(using: str = DEFAULT_DB_ALIAS) -> CursorWrapper:
    """A cursor like `connection.cursor()`, which prepares a statement that it meets again and again.

    For statements with a fixed text, whose plan does not depend on their values. The values are sent apart
    from it, so a value of which PostgreSQL does not see the type needs a cast. Through a transaction pooler
    the next statement may be another session's: there, and while queries are logged, it is Django's cursor.
    """
    connection = connections[using]
    if connection.queries_logged or connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
        return connection.cursor()
    connection.validate_thread_sharing()
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    cursor = connection.make_cursor(_Cursor(connection.connection))  # type: ignore[arg-type] # it wraps this one too
    now = monotonic()
    if now - _planned_since.setdefault(connection.connection, now) >= PLANS_KEPT_SECONDS:
        _planned_since[connection.connection] = now
        cursor.execute("DISCARD PLANS")
    return cursor


class _Cursor(Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Raises OperationalError if a migration has changed the type of a column that a plan returns.

        Only in a transaction, and once: its rollback forgets what is prepared. Elsewhere the statement that
        was refused has done nothing, and runs again.
        """
        connection = self.connection
        # Only now: psycopg would keep the texts of Django's statements too, with their values.
        connection.prepare_threshold = PREPARED_AFTER
        try:
            return super().execute(query, params, **options)
        except FeatureNotSupported as error:
            if not connection.autocommit:
                raise OperationalError(str(error)) from error
            connection.execute("DEALLOCATE ALL")
            return super().execute(query, params, **options)
        finally:
            connection.prepare_threshold = None
