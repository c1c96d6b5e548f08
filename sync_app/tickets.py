"""Tickets: a way in for EventSource, which cannot send headers. Good once, for a minute.

What stands in an address gets into logs, hence both. A ticket is a signed grant, so that making one takes no
row and no store; that it was used is kept in the state store, which every stream needs anyway.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.core import signing
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import AuthenticationFailed

from state_store.task_updates import use_ticket
from sync_app.access import Grant, still_good

LIFETIME = timedelta(seconds=60)
_SALT = "sync_app.tickets"


class Ticket(NamedTuple):
    text: str
    expires_at: datetime


def make_ticket(grant: Grant) -> Ticket:
    """A ticket for a stream that ends when the grant does."""
    told = asdict(grant) | {
        "id": uuid4().hex,
        "user_id": str(grant.user_id),
        "ends_at": grant.ends_at and grant.ends_at.isoformat(),
    }
    return Ticket(signing.dumps(told, salt=_SALT), timezone.now() + LIFETIME)


def grant_by_ticket(text: str) -> Grant:
    """The grant of a ticket, which is used up by this. Raises AuthenticationFailed (401), StateStoreAway."""
    try:
        told = signing.loads(text, salt=_SALT, max_age=LIFETIME)
    except signing.BadSignature as error:
        raise _not_valid("This is no ticket, or it is older than a minute") from error
    ticket_id = told.pop("id")
    ends_at = told["ends_at"] and parse_datetime(told["ends_at"])
    grant = Grant(**told | {"user_id": UUID(told["user_id"]), "ends_at": ends_at})
    if not still_good([grant]):
        raise _not_valid("The token that this ticket was made with is not good any more")
    if not use_ticket(ticket_id, ttl=LIFETIME * 2):
        raise _not_valid("This ticket was used")
    return grant


def stream_url(host: str, scheme: str) -> str:
    """Where clients find the stream: STREAM_URL, else the port of its own beside the API's host."""
    if settings.STREAM_URL:
        return str(settings.STREAM_URL)
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return f"{scheme}://{name}:{settings.STREAM_PORT}/api/stream"


def _not_valid(why: str) -> AuthenticationFailed:
    return AuthenticationFailed(f"{why}; take a new one: POST /api/stream/ticket.", "ticket_not_valid")
