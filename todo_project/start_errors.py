"""Errors of a start that are one line for a person: what is wrong is outside of the program."""

from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError
from django.db import OperationalError


def in_one_line(error: Exception) -> str | None:
    """What to say instead of a traceback; None for an error that needs one."""
    if isinstance(error, ImproperlyConfigured | CommandError):
        return str(error)
    if isinstance(error, OperationalError) and _has_no_answer(error):
        return f"PostgreSQL does not answer (DATABASE_URL): {' '.join(str(error).split())}"
    return None


def _has_no_answer(error: OperationalError) -> bool:
    """An error that the server reports has a code; one of the connection has none."""
    return error.__cause__ is not None and getattr(error.__cause__, "sqlstate", None) is None
