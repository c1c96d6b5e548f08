"""The API of priorities and tags."""

from typing import Any

from django.db.models import Count, Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import permissions
from rest_framework.decorators import action
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts_app.models import User
from http_app.filters import true_or_false
from http_app.views import ApiView, OwnedByUser, Versioned
from tasks_app.models import Priority, Tag
from tasks_app.quotas import Quota
from tasks_app.serializers import MergeSerializer, PrioritySerializer, TagSerializer
from tasks_app.services import merge_tag
from tasks_app.visible import key_of_name

METHODS = ["get", "post", "patch", "delete", "head", "options"]


class LockedForWrites(GenericAPIView[Any]):
    """A write of one object reads it under its lock, so that its version is the current one."""

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        writes_one = bool(self.kwargs) and self.request.method not in SAFE_METHODS
        return rows.select_for_update(of=("self",), no_key=True) if writes_one else rows


class PriorityViewSet(Versioned, LockedForWrites, ApiView, ModelViewSet[Priority]):
    """All users can read priorities, staff can change them. A priority in use cannot be deleted (409)."""

    http_method_names = METHODS
    queryset = Priority.objects.all()
    serializer_class = PrioritySerializer
    ordering_fields = {"level": "level", "name": "name"}
    default_ordering = "level"

    def get_permissions(self) -> list[BasePermission]:
        reading = self.request.method in SAFE_METHODS
        return [permissions.IsAuthenticated()] if reading else [permissions.IsAdminUser()]


_COUNTED = extend_schema(
    parameters=[
        OpenApiParameter("task_count", OpenApiTypes.BOOL, description="Count its tasks. Default false.")
    ]
)


@extend_schema_view(list=_COUNTED, retrieve=_COUNTED)
class TagViewSet(Versioned, LockedForWrites, ApiView, OwnedByUser, ModelViewSet[Tag]):
    """Only the user's own tags. Deleting a tag removes it from its tasks, which is a change of each task."""

    http_method_names = METHODS
    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    ordering_fields = {"name": "name", "created_at": "created_at"}
    default_ordering = "name"

    long_actions = ("destroy", "merge")
    extra_query_params = {"list": ["task_count"], "retrieve": ["task_count"]}

    def get_queryset(self) -> QuerySet[Tag]:
        counted = Count("task_tags", filter=Q(task_tags__task__deleted_at__isnull=True))
        tags = super().get_queryset()
        return tags.annotate(task_count=counted) if true_or_false(self.request, "task_count") else tags

    def perform_create(self, serializer: BaseSerializer[Tag]) -> None:
        assert isinstance(self.request.user, User)
        Quota(self.request.user).take(tag_keys=[key_of_name(serializer.validated_data["name"])])
        serializer.save(user=self.request.user)

    @extend_schema(request=MergeSerializer, responses=TagSerializer)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: str) -> Response:
        """Replace this tag by another on tasks and templates, and delete it. Returns the other tag."""
        tag = self.get_object()
        merge = MergeSerializer(data=request.data, context={"request": request, "tag": tag})
        merge.is_valid(raise_exception=True)
        return Response(self.get_serializer(merge_tag(tag, into=merge.validated_data["into"])).data)
