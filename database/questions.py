"""Whether rows wait to be worked on: what beat asks PostgreSQL every second.

For Django to write such a statement takes longer than to ask it, so a Statement is written once.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import update_wrapper
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

Rows = Callable[[datetime], QuerySet[Any, Any]]

_WRITTEN_FOR = datetime(2000, 1, 1, tzinfo=UTC)


class Question:
    """Decorates the function of the rows that there are to work on at a time: whether there are any now."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        update_wrapper(self, rows)

    def __call__(self) -> bool:
        return self.rows(timezone.now()).exists()


class Statement:
    """Several questions as one statement, which is asked for any time: its values move with the clock."""

    def __init__(self, questions: Iterable[Question]) -> None:
        parts, self._values = [], []
        for question in questions:
            sql, values = question.rows(_WRITTEN_FOR).query.exists().sql_with_params()
            parts.append(f"EXISTS ({sql})")
            self._values += values
        self._sql = f"SELECT {', '.join(parts)}"

    def ask(self) -> tuple[bool, ...]:
        """The answers, in the order of the questions. Raises what the database does."""
        since = timezone.now() - _WRITTEN_FOR
        values = [value + since if isinstance(value, datetime) else value for value in self._values]
        # Not prepared: a plan for all values could not use the indexes of what waits.
        with connection.cursor() as cursor:
            cursor.execute(self._sql, values)
            answers: tuple[bool, ...] = cursor.fetchone()
        return answers
