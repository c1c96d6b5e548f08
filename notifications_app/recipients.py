"""The users who are reminded, as the scan reads them."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import time
from uuid import UUID

from django.db import connection

from accounts_app.preferences import Addressed


@dataclass
class Recipient(Addressed):
    """The columns of a user that decide when and where they are reminded.

    Not the model, for the same reason as in due_tasks.py.
    """

    id: UUID
    timezone: str
    quiet_from: time | None
    quiet_to: time | None
    channels: list[str]
    due_soon_notifications: bool
    email: str | None
    email_confirmed: bool
    email_stopped: str | None


_COLUMNS = ", ".join(field.name for field in fields(Recipient))
_READ = f"SELECT {_COLUMNS} FROM users WHERE id = ANY(%s)"  # noqa: S608 - no input


def recipients(user_ids: Iterable[UUID]) -> dict[UUID, Recipient]:
    """These users, by their ids."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [list(set(user_ids))])
        found = [Recipient(*row) for row in cursor.fetchall()]
    return {recipient.id: recipient for recipient in found}
