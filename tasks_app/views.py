"""The API of priorities and tags."""

from rest_framework import permissions
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.viewsets import ModelViewSet

from http_app.views import ApiView, OwnedByUser
from tasks_app.models import Priority, Tag
from tasks_app.serializers import PrioritySerializer, TagSerializer
from tasks_app.services import delete_tag

METHODS = ["get", "post", "patch", "delete", "head", "options"]


class PriorityViewSet(ApiView, ModelViewSet[Priority]):
    """Priorities: read by all, written by staff. One in use cannot be deleted (409)."""

    http_method_names = METHODS
    queryset = Priority.objects.all()
    serializer_class = PrioritySerializer
    ordering_fields = {"level": "level", "name": "name"}
    default_ordering = "level"

    def get_permissions(self) -> list[BasePermission]:
        reading = self.request.method in SAFE_METHODS
        return [permissions.IsAuthenticated()] if reading else [permissions.IsAdminUser()]


class TagViewSet(ApiView, OwnedByUser, ModelViewSet[Tag]):
    """The caller's tags. Deleting one takes it off each task, which is a change of the task."""

    http_method_names = METHODS
    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    ordering_fields = {"name": "name", "created_at": "created_at"}
    default_ordering = "name"

    def perform_destroy(self, instance: Tag) -> None:
        delete_tag(instance)
