"""Tickets for EventSource, which cannot send headers.

A ticket is part of the URL, which gets into logs, so it works once and expires after a minute. It is a
signed grant, so creating one writes nothing. Its use is recorded in the state store, which streams need
anyway.
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
from sync_app.access import Grant, valid_grants

LIFETIME = timedelta(seconds=60)
_SALT = "sync_app.ticket"


class Ticket(NamedTuple):
    text: str
    expires_at: datetime


def make_ticket(grant: Grant) -> Ticket:
    """A ticket for a stream that ends when the grant does."""
    payload = asdict(grant) | {
        "id": uuid4().hex,
        "user_id": str(grant.user_id),
        "ends_at": grant.ends_at and grant.ends_at.isoformat(),
    }
    return Ticket(signing.dumps(payload, salt=_SALT), timezone.now() + LIFETIME)


def grant_by_ticket(text: str) -> Grant:
    """Use up a ticket and return its grant. Raises AuthenticationFailed (401), StateStoreUnavailable."""
    try:
        payload = signing.loads(text, salt=_SALT, max_age=LIFETIME)
    except signing.BadSignature as error:
        raise _not_valid("This ticket is invalid or has expired") from error
    ticket_id = payload.pop("id")
    ends_at = payload["ends_at"] and parse_datetime(payload["ends_at"])
    grant = Grant(**payload | {"user_id": UUID(payload["user_id"]), "ends_at": ends_at})
    if not valid_grants([grant]):
        raise _not_valid("The token that created this ticket is no longer valid")
    if not use_ticket(ticket_id, ttl=LIFETIME * 2):
        raise _not_valid("This ticket has already been used")
    return grant


def stream_url(host: str, scheme: str) -> str:
    """The URL of the stream for clients: STREAM_URL, or the API's host with STREAM_PORT."""
    if settings.STREAM_URL:
        return str(settings.STREAM_URL)
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return f"{scheme}://{name}:{settings.STREAM_PORT}/api/stream"


def _not_valid(reason: str) -> AuthenticationFailed:
    return AuthenticationFailed(f"{reason}. Get a new one with POST /api/stream/ticket.", "ticket_not_valid")
