from django.db import transaction
from rest_framework import pagination, viewsets

from benchmarks.naive.models import OutboxEvent, Task
from benchmarks.naive.serializers import TaskListSerializer, TaskSerializer


class Pages(pagination.CursorPagination):
    page_size = 50
    ordering = "-created_at"


class TaskViewSet(viewsets.ModelViewSet):
    pagination_class = Pages

    def get_serializer_class(self):
        return TaskListSerializer if self.action in ("list", "retrieve") else TaskSerializer

    def get_queryset(self):
        tasks = Task.objects.filter(user=self.request.user, archived=False, deleted_at__isnull=True)
        return tasks.select_related("priority").prefetch_related("tags")

    def perform_create(self, serializer):
        # One transaction: without it each save would be a commit of its own, and slower.
        with transaction.atomic():
            self.record("task.created", serializer.save(user=self.request.user), serializer.data)

    def perform_update(self, serializer):
        with transaction.atomic():
            task = serializer.save(version=serializer.instance.version + 1)
            self.record("task.updated", task, serializer.data)

    def record(self, kind, task, data):
        OutboxEvent.objects.create(
            topic="task-events",
            type=kind,
            key=str(task.user_id),
            subject=str(task.pk),
            sequence=task.version,
            data=data,
        )
