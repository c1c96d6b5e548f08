"""The history of a series: what became of each slot, and what is still to come."""

from typing import Any

from django.db.models import Exists, F, OuterRef
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from http_app.keyset import Together
from http_app.pagination import Pages
from http_app.views import ApiView
from recurrence.rules import zone
from tasks_app.derived_fields import slot_state_of
from tasks_app.models import OPEN, SeriesSlot, Task
from tasks_app.upcoming import UPCOMING, upcoming

STATES = [*Task.SlotState.values, SeriesSlot.Outcome.MISSED]


class TaskOccurrenceSerializer(serializers.Serializer[Any]):
    """A slot of a series."""

    occurrence_at = serializers.DateTimeField(help_text="The slot, as the rule gives it.")
    state = serializers.ChoiceField(
        choices=STATES,
        help_text="`moved`: open, with another due time than the slot's. `missed`: passed without a task.",
    )
    task_id = serializers.IntegerField(allow_null=True, help_text="Null if it has no task, or none any more.")
    due_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: Task | SeriesSlot) -> dict[str, Any]:
        if isinstance(instance, SeriesSlot):
            return {
                "occurrence_at": instance.slot_at,
                "state": instance.outcome,
                "task_id": None,
                "due_at": None,
            }
        return {
            "occurrence_at": instance.occurrence_at,
            "state": slot_state_of(instance),
            "task_id": instance.pk,
            "due_at": instance.due_at,
        }


class OccurrencePages(Pages):
    """With the slots to come, on each page."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        text = (
            f"The next {UPCOMING} slots, ISO 8601 with the zone's offset, if each is completed in its time;"
            " none while the series rests or is over."
        )
        items = {"type": "string"}  # without seconds, so no `date-time` of RFC 3339
        page["properties"]["upcoming"] = {"type": "array", "items": items, "description": text}
        page["required"].append("upcoming")
        return page


class TaskOccurrencesView(ApiView, ListAPIView[Task]):
    """The series of a task: what became of each slot, newest first, and what is to come.

    A task without a rule has no occurrences.
    """

    queryset = Task.objects.all()
    serializer_class = TaskOccurrenceSerializer
    pagination_class = OccurrencePages
    ordering_fields = {"occurrence_at": "slot"}
    default_ordering = "-occurrence_at"

    @extend_schema(operation_id="tasks_occurrences_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        series_id = get_object_or_404(Task, pk=kwargs["task_id"], user=request.user.pk).series_id
        self.tasks = Task.objects.filter(user=request.user.pk, series_id=series_id)
        self.slots = SeriesSlot.objects.filter(user=request.user.pk, series_id=series_id)
        if series_id is None:
            self.tasks, self.slots = self.tasks.none(), self.slots.none()
        response = super().get(request, *args, **kwargs)
        response.data["upcoming"] = self._upcoming()
        return response

    def get_queryset(self) -> Any:
        """Tasks, and the slots that have none."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        without_task = self.slots.exclude(Exists(self.tasks.filter(occurrence_at=OuterRef("slot_at"))))
        return Together(
            self.tasks.annotate(slot=F("occurrence_at")), without_task.annotate(slot=F("slot_at"))
        )

    def _upcoming(self) -> list[str]:
        newest = self.tasks.filter(OPEN).order_by("-occurrence_at").first()
        if newest is None:
            return []
        slots = upcoming(newest, now=timezone.now())
        # None in a zone that the zone data has lost, so it is looked up only for a slot.
        return [slot.astimezone(zone(newest.timezone)).isoformat(timespec="minutes") for slot in slots]
