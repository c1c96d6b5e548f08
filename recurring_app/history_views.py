"""What became of the occurrences of a template, and those to come."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from http_app.errors import Conflict
from http_app.views import ApiView
from recurrence.rules import RuleError
from recurring_app.history import history_of, upcoming
from recurring_app.models import RecurringTask
from recurring_app.preview import preview
from recurring_app.preview_serializer import MOST_SHOWN, PreviewAnswerSerializer
from tasks_app.models import SeriesSlot

_COUNT = OpenApiParameter(
    "count",
    {"type": "integer", "minimum": 1, "maximum": MOST_SHOWN, "default": 5},
    description="How many occurrences to show.",
)


OCCURRENCE_STATES = ["open", "done", "skipped", "missed", "deleted"]


class OccurrenceSerializer(serializers.Serializer[Any]):
    occurrence_at = serializers.DateTimeField()
    state = serializers.ChoiceField(
        OCCURRENCE_STATES,
        help_text=(
            "`open`: its task is open. `done`: its task is completed. `deleted`: its task is in the trash or"
            " erased. `missed`: not generated after a downtime. `skipped`: not generated while paused."
        ),
    )
    task_id = serializers.IntegerField(allow_null=True)


class OccurrencesPageSerializer(serializers.Serializer[Any]):
    results = OccurrenceSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    upcoming = serializers.ListField(
        child=serializers.CharField(),
        help_text="The next five, ISO 8601 with the zone's offset; none while it is paused.",
    )


class TemplateOccurrencesView(ApiView, ListAPIView[SeriesSlot]):
    """What became of the occurrences of a template, newest first, and the next five."""

    queryset = SeriesSlot.objects.all()
    serializer_class = OccurrenceSerializer
    ordering_fields = {"occurrence_at": "slot_at"}
    default_ordering = "-occurrence_at"

    @extend_schema(
        operation_id="recurring_tasks_occurrences",
        summary="List the occurrences of a template",
        responses=OccurrencesPageSerializer,
    )
    def get(self, request: Request, template_id: int) -> Response:
        template = template_of(request, template_id)
        slots = self.paginate_queryset(self.filter_queryset(template.slots.all()))
        page = self.get_paginated_response(OccurrenceSerializer(history_of(slots or []), many=True).data)
        return Response(page.data | {"upcoming": upcoming(template)})


class TemplatePreviewView(ApiView):
    """The next occurrences of a template, from now on."""

    extra_query_params = {"get": ["count"]}

    @extend_schema(
        operation_id="recurring_tasks_preview",
        summary="Preview a template",
        responses=PreviewAnswerSerializer,
        parameters=[_COUNT],
    )
    def get(self, request: Request, template_id: int) -> Response:
        template = template_of(request, template_id)
        asked = {
            "rule": template.rule,
            "timezone": template.timezone,
            "start": template.starts_at,
            "all_day": False,
            "until": template.ends_at,
            "after": timezone.now(),
            "count": _count(request),
        }
        try:
            return Response(preview(asked))
        except RuleError as error:  # it was accepted by an earlier version
            raise Conflict(str(error), error.code) from error


def template_of(request: Request, template_id: int) -> RecurringTask:
    """The caller's template of this id; raises Http404."""
    found: RecurringTask = get_object_or_404(RecurringTask, pk=template_id, user=request.user.pk)
    return found


def _count(request: Request) -> int:
    text = request.query_params.get("count", "5")
    count = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if not 1 <= count <= MOST_SHOWN:
        message = f"The count must be between 1 and {MOST_SHOWN}."
        raise ValidationError({"count": [ErrorDetail(message, "invalid")]})
    return count
