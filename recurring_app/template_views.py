"""The API of templates. A write reads the template under its lock. Their history: history_views.py."""

from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from http_app.filters import BooleanFilter, NamedFilterSet
from http_app.views import ApiView, OwnedByUser, Versioned
from recurring_app.models import RecurringTask, RecurringTaskQuerySet
from recurring_app.services import pause_template, resume_template, run_template
from recurring_app.template_serializer import RecurringTaskSerializer
from tasks_app.models import Task
from tasks_app.task_serializer import TaskSerializer


class TemplateFilter(NamedFilterSet):
    is_active = BooleanFilter()
    q = filters.CharFilter(
        method="containing", max_length=200, help_text="Part of the title or of the description."
    )

    class Meta:
        model = RecurringTask
        fields: list[str] = []

    def containing(self, templates: QuerySet[RecurringTask], _name: str, value: str) -> Any:
        return templates.filter(Q(template_title__icontains=value) | Q(template_description__icontains=value))


class RecurringTaskViewSet(Versioned, ApiView, OwnedByUser, ModelViewSet[RecurringTask]):
    """The caller's templates. Tasks are generated from a template by its calendar."""

    long_actions = ("destroy",)  # its tasks stay, without it
    queryset = RecurringTask.objects.all()
    serializer_class = RecurringTaskSerializer
    filterset_class = TemplateFilter
    ordering_fields = {
        name: name for name in ("created_at", "updated_at", "next_occurrence", "template_title")
    }
    default_ordering = "-created_at"
    codes_of_half_characters = {"cron_expression": "not_ascii", "rrule": "not_ascii"}

    def get_queryset(self) -> RecurringTaskQuerySet:
        templates: RecurringTaskQuerySet = super().get_queryset().with_tag_ids()  # type: ignore[attr-defined]
        return templates

    def load_object(self) -> RecurringTask:
        templates = self.get_queryset()
        if self.action == "destroy":
            # Its tasks change with it, and are locked before it: a move to another time zone does so too.
            mine = templates.filter(pk=self.kwargs["pk"]).values("pk")
            list(Task.objects.filter(recurring_task__in=mine).locked().values_list("pk"))
        if self.request.method not in SAFE_METHODS:
            templates = templates.locked()
        found: RecurringTask = get_object_or_404(templates, pk=self.kwargs["pk"])
        return found

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete it. Its tasks stay, without their `recurring_task_id`."""
        return super().destroy(request, *args, **kwargs)

    @extend_schema(request=None, responses=RecurringTaskSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Generate nothing until it is resumed."""
        return self._answer(pause_template(self.get_object()))

    @extend_schema(request=None, responses=RecurringTaskSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on with the first occurrence after now. What it missed while it was paused is not made up."""
        return self._answer(resume_template(self.get_object()))

    @extend_schema(request=None, responses={201: TaskSerializer})
    @action(detail=True, methods=["post"])
    def run(self, request: Request, pk: str) -> Response:
        """Generate a task for this minute. Again in the same minute: the same task.

        The next occurrence stays as it is.
        """
        task = run_template(self.get_object())
        location = f"{reverse('task-list')}/{task.pk}"
        data = TaskSerializer(task, context=self.get_serializer_context()).data
        return Response(data, status=status.HTTP_201_CREATED, headers={"Location": location})

    def _answer(self, template: RecurringTask) -> Response:
        return Response(self.get_serializer(template).data)
