"""How turns end. A turn ends once: each of these changes it only while it is running."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.exceptions import APIException

from chat_app.exceptions import TurnInterrupted
from chat_app.metrics import ENDED
from chat_app.models import Turn
from http_app.error_answers import error_body

log = structlog.get_logger(__name__)


def finish(turns: QuerySet[Turn], result: Mapping[str, Any]) -> bool:
    """End it with the answer as it is sent; `state` of it is done or waiting. False if it had ended."""
    return _end(turns, result["state"], result=result)


def fail(turns: QuerySet[Turn], error: APIException) -> bool:
    """End it with an error. The same message may be sent again, and it goes on."""
    return _end(turns, Turn.State.FAILED, error=error_as_json(error))


def cancel(turns: QuerySet[Turn]) -> bool:
    """End it because its user says so. Its process notices within a second, and no step follows."""
    return _end(turns, Turn.State.CANCELLED)


def fail_left_behind(turns: QuerySet[Turn]) -> int:
    """End the running turns whose process died: their lease has passed."""
    left = turns.filter(state=Turn.State.RUNNING, lease_until__lt=timezone.now())
    count = left.update(
        state=Turn.State.FAILED, error=error_as_json(TurnInterrupted()), ended_at=timezone.now()
    )
    if count:
        ENDED.labels("interrupted").inc(count)
        log.warning("turns_left_behind", turns=count)
    return count


def renew_leases(turn_ids: Collection[UUID]) -> set[UUID]:
    """Renew the leases of these turns. Returns those that were cancelled, or ended by another process."""
    turns = Turn.objects.filter(pk__in=turn_ids)
    turns.filter(state=Turn.State.RUNNING).update(lease_until=new_lease())
    stopped = turns.filter(state__in=[Turn.State.CANCELLED, Turn.State.FAILED])
    return set(stopped.values_list("pk", flat=True))


def new_lease() -> datetime:
    return timezone.now() + timedelta(seconds=settings.ASSISTANT_LEASE_SECONDS)


def error_as_json(error: APIException) -> dict[str, Any]:
    """`{status, wait, body}`: the error as it is answered."""
    return {"status": error.status_code, "wait": getattr(error, "wait", None), "body": error_body(error)}


def _end(turns: QuerySet[Turn], state: str, **fields: Any) -> bool:
    running = turns.filter(state=Turn.State.RUNNING)
    ended = bool(running.update(state=state, ended_at=timezone.now(), **fields))
    if ended:
        ENDED.labels(state).inc()
    return ended
