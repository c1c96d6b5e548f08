"""Reads the settings from the environment, and says which variable is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

_POSTGRES = "django.db.backends.postgresql"


class Environment(environ.Env):  # type: ignore[misc] # untyped
    """environ.Env, which keeps the names of the variables it was asked for in `asked`.

    Raises ImproperlyConfigured, in one line, for a value that cannot be read. Values may be secrets, so those
    of URLs are not in the text.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get_value(self, var: str, *args: Any, **options: Any) -> Any:
        self.asked.add(var)
        with _named(var):
            return super().get_value(var, *args, **options)

    def email_url(self, var: str, *args: Any, **options: Any) -> Any:
        with _named(var):
            return super().email_url(var, *args, **options)

    def postgres(self, var: str, *, default: str) -> dict[str, Any]:
        """A `DATABASES` entry of the URL of a PostgreSQL database."""
        right = "write postgresql://user:password@host:5432/name"
        with _named(var, right):
            url = self.get_value(var, default=default)
            if not str(url).startswith(("postgresql://", "postgres://")):
                raise ImproperlyConfigured(f"{var} names no PostgreSQL: {right}.")
            found: dict[str, Any] = self.db_url_config(url, engine=_POSTGRES)
        if not found.get("NAME"):
            raise ImproperlyConfigured(f"{var} names no database: {right}.")
        return found


def verifying(redis_url: str) -> str:
    """The URL for kombu, which checks the certificate of a server only if asked to; redis-py always does."""
    if not redis_url.startswith("rediss://") or "ssl_cert_reqs=" in redis_url:
        return redis_url
    return f"{redis_url}{'&' if '?' in redis_url else '?'}ssl_cert_reqs=required"


@contextmanager
def _named(var: str, right: str = "") -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ImproperlyConfigured(f"{var} cannot be read: {error}{right and f'; {right}'}.") from error
