"""What a rule would give, for a client to show while its user is typing. It needs no query."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from http_app.throttling import Previews
from http_app.views import ApiView
from recurrence.rules import CatchUp, Series, describe, zone
from recurring_app.preview_serializer import PreviewAnswerSerializer, PreviewSerializer


class PreviewView(ApiView):
    """What a rule would give."""

    only_reads = True
    keeps_answers = False  # it changes nothing, so that nothing can happen twice
    throttle_classes = [Previews]
    codes_of_half_characters = {"rule": "not_ascii"}

    @extend_schema(
        operation_id="recurrence_preview",
        summary="Preview a recurrence rule",
        description=(
            "The occurrences that a rule gives. With `completed_at`: what completing the occurrence `after`"
            " creates; with `now`: what catching up since `after` creates. An API token needs only the scope"
            " `read`; it does not count as a write."
        ),
        request=PreviewSerializer,
        responses=PreviewAnswerSerializer,
    )
    def post(self, request: Request) -> Response:
        asked = PreviewSerializer(data=request.data, context={"request": request})
        asked.is_valid(raise_exception=True)
        return Response(preview(asked.validated_data))


def preview(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to what PreviewSerializer has checked."""
    series = _series(asked)
    shown = _shown(series, asked)

    def in_zone(instant: datetime) -> str:
        local = instant.astimezone(zone(series.timezone))
        return local.date().isoformat() if series.all_day else local.isoformat(timespec="minutes")

    return {
        "occurrences": [in_zone(slot) for slot in shown.slots],
        "next": None if shown.next is None else in_zone(shown.next),
        "ends": shown.next is None,
        "missed": None if asked.get("now") is None else shown.missed,
        "description": describe(
            series.rule, anchor=series.anchor, timezone=series.timezone, all_day=series.all_day
        ),
    }


def _series(asked: Mapping[str, Any]) -> Series:
    start = asked["start"]
    return Series(
        rule=asked["rule"],
        timezone=asked["timezone"],
        anchor=datetime(start.year, start.month, start.day) if asked["all_day"] else start,  # noqa: DTZ001 - local
        until=asked.get("until"),
        all_day=asked["all_day"],
    )


def _shown(series: Series, asked: Mapping[str, Any]) -> CatchUp:
    after, now, completed_at = asked.get("after"), asked.get("now"), asked.get("completed_at")
    if now is not None:
        return series.catch_up(after, now, asked["policy"])
    if completed_at is not None:
        return _completion(series, after, completed_at, asked["mode"])
    slots = series.upcoming(after, asked["count"])
    return CatchUp(slots=slots, missed=0, next=series.next_after(slots[-1] if slots else after))


def _completion(series: Series, occurrence: datetime | None, completed_at: datetime, mode: Any) -> CatchUp:
    """One slot or none, and what completing that one in its time would create."""
    done = occurrence or series.next_after(None) or completed_at
    slot = series.after_completion(done, completed_at, mode)
    later = None if slot is None else series.after_completion(slot, slot, mode)
    return CatchUp(slots=[slot] if slot else [], missed=0, next=later)
