"""Statements that PostgreSQL reads once for each session (docs/decisions/0044-prepared-statements.md).

Django's own cursors put the values into the text, so that PostgreSQL parses and plans each statement again.
For a fixed statement that is half of its work and more.
"""

from time import monotonic
from typing import Any, Self
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from psycopg import Connection, Cursor
from psycopg.errors import FeatureNotSupported

# A plan is made for the size that a table has. One that has grown since, from ten rows to thousands, would be
# read from end to end.
PLANS_KEPT_SECONDS = 10.0
_planned_since: WeakKeyDictionary[Connection[Any], float] = WeakKeyDictionary()


def prepared_cursor(using: str = DEFAULT_DB_ALIAS) -> CursorWrapper:
    """A cursor like `connection.cursor()`, which prepares a statement that it meets again and again.

    For statements with a fixed text. The values are sent apart from it, so a value of which PostgreSQL does
    not see the type needs a cast. The setting `prepare_threshold` says from which time on; without it, as
    behind a transaction pooler, nothing is prepared.
    """
    connection = connections[using]
    if connection.queries_logged:  # Django's cursor knows the text with its values
        return connection.cursor()
    connection.ensure_connection()
    cursor = connection.make_cursor(_Cursor(connection.connection))  # type: ignore[arg-type] # it wraps this one too
    now = monotonic()
    if now - _planned_since.setdefault(connection.connection, now) >= PLANS_KEPT_SECONDS:
        _planned_since[connection.connection] = now
        cursor.execute("DISCARD PLANS")
    return cursor


class _Cursor(Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """A plan is refused when a migration has changed the type of a column that it returns.

        A rollback forgets all plans, so in a transaction the error is for once (503). Elsewhere the statement
        has done nothing, and runs without a plan.
        """
        try:
            return super().execute(query, params, **options)
        except FeatureNotSupported:
            if not self.connection.autocommit:
                raise
            return super().execute(query, params, prepare=False)
