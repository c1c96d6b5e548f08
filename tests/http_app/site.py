"""A small site on real tables, to test http_app without the rules of tasks."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import uuid4

import django_filters
from django.db.models import QuerySet
from django.urls import path
from rest_framework import serializers
from rest_framework.generics import GenericAPIView, ListAPIView, ListCreateAPIView, RetrieveDestroyAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from http_app.error_answers import bad_request, not_found, server_error
from http_app.filters import BooleanFilter
from http_app.serializers import StrictSerializer
from http_app.views import ApiView
from tasks_app.models import Priority, Tag, Task

handler400 = bad_request
handler404 = not_found
handler500 = server_error


class TaskFilters(django_filters.FilterSet):
    pinned = BooleanFilter()
    priority = django_filters.ModelMultipleChoiceFilter(queryset=Priority.objects.all())

    class Meta:
        model = Task
        fields: list[str] = []


class TaskLine(serializers.ModelSerializer[Task]):
    class Meta:
        model = Task
        fields = ["id", "title", "due_at"]


class Tasks(ApiView, ListAPIView[Task]):
    permission_classes = [AllowAny]
    queryset = Task.objects.all()
    serializer_class = TaskLine
    filterset_class = TaskFilters
    ordering_fields = {
        "created_at": "created_at",
        "due_at": "due_at",
        "title": "title",
        "priority": "priority__level",
        "owner": "user_id",
    }
    default_ordering = "-created_at"
    extra_query_params: Mapping[str, Collection[str]] = {"get": ["colour"]}


class PriorityLine(StrictSerializer, serializers.ModelSerializer[Priority]):
    class Meta:
        model = Priority
        fields = ["id", "name", "level", "color"]
        # The validator would answer first; here the database itself has to.
        extra_kwargs: dict[str, dict[str, Any]] = {"name": {"validators": []}, "level": {"validators": []}}


class Priorities(ApiView, ListCreateAPIView[Priority]):
    permission_classes = [AllowAny]
    queryset = Priority.objects.all()
    serializer_class = PriorityLine
    ordering_fields = {"level": "level"}
    default_ordering = "level"


class OnePriority(ApiView, RetrieveDestroyAPIView[Priority]):
    permission_classes = [AllowAny]
    queryset = Priority.objects.all()
    serializer_class = PriorityLine


class WriteThenFail(ApiView, GenericAPIView[Tag]):
    """Writes a tag of the first user, then answers as the path says."""

    permission_classes = [AllowAny]

    def post(self, request: Request, how: str) -> Response:
        task = Task.objects.select_related("user").first()
        assert task is not None
        Tag.objects.create(user=task.user, name="written")
        if how == "dangle":
            QuerySet(Tag).filter(user=task.user).update(user_id=uuid4())
        if how == "raise":
            raise serializers.ValidationError({"name": "no"})
        if how == "crash":
            raise RuntimeError("the password of the database is hunter2")
        return Response(status=409 if how == "refuse" else 204)


urlpatterns = [
    path("api/tasks", Tasks.as_view()),
    path("api/priorities", Priorities.as_view()),
    path("api/priorities/<int:pk>", OnePriority.as_view()),
    path("api/write-then/<str:how>", WriteThenFail.as_view()),
]
