"""The task API. A write reads the task under its lock, so the response is the current state."""

from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts_app.models import User
from http_app.errors import Conflict, ErrorSerializer
from http_app.filters import true_or_false
from http_app.pagination import ORDERING
from http_app.throttling import Operations
from http_app.views import ApiView, OwnedByUser, Versioned
from recurrence.rules import RuleError
from tasks_app.bulk import Bulk
from tasks_app.bulk_serializers import EXAMPLES as BULK_EXAMPLES
from tasks_app.bulk_serializers import MAX_OPERATIONS, BulkResultSerializer, BulkSerializer
from tasks_app.exceptions import refuse_trash, refuse_unless_open_occurrence
from tasks_app.filters import RANK, TaskFilter
from tasks_app.following import may_leave_series
from tasks_app.models import Task
from tasks_app.new_task_serializer import NewTaskSerializer
from tasks_app.pages import Row, locked_task, row_of, rows_of
from tasks_app.reminding import is_silent
from tasks_app.serializers import SnoozeSerializer
from tasks_app.services import (
    complete_task,
    end_snooze,
    reopen_task,
    restore_task,
    skip_task,
    snooze_task,
    stop_series,
    trash_task,
)
from tasks_app.task_serializer import SkippedTaskSerializer, TaskSerializer

_TIMES = ("created_at", "updated_at", "due_at", "reminder_at", "completed_at")
_ORDERINGS = {**{name: name for name in _TIMES}, "title": "title_key", "priority": "priority__level"}
_EXAMPLE = OpenApiExample(
    "A daily task with two reminders",
    value={
        "title": "Water the plants",
        "due_at": "2030-05-01T09:00:00+02:00",
        "recurrence_rule": "daily",
        "reminder_offsets": [30, 1440],
        "priority": "High",
        "tags": ["home"],
    },
    request_only=True,
)


@extend_schema_view(
    create=extend_schema(examples=[_EXAMPLE], request=NewTaskSerializer, responses={201: TaskSerializer})
)
class TaskViewSet(Versioned, ApiView, OwnedByUser, ModelViewSet[Task]):
    """Only the user's own tasks: another user's is a 404. Lists leave out archived tasks and the trash."""

    queryset = Task.objects.all()
    serializer_class = TaskSerializer
    filterset_class = TaskFilter
    page_rows = staticmethod(rows_of)
    extra_query_params = {"destroy": ["permanent"]}
    long_actions = ("bulk",)
    default_ordering_help = f"`-created_at`; with `q` it is `-{RANK}`"
    codes_of_half_characters = {"recurrence_rule": "not_ascii"}

    def handle_exception(self, exc: Exception) -> Response:
        """A stored rule that an earlier version accepted is a 409: another one has to be set first."""
        return super().handle_exception(
            Conflict(f"The recurrence_rule of the task has to be replaced. {exc}", exc.code)
            if isinstance(exc, RuleError)
            else exc
        )

    @property
    def ordering_fields(self) -> dict[str, str]:
        """A rank is computed for some, so it cannot be one key of several."""
        is_document = getattr(self, "swagger_fake_view", False)
        ranked = is_document or (self._is_search and "," not in self.request.GET.get(ORDERING, ""))
        return {**_ORDERINGS, **({RANK: RANK} if ranked else {})}

    @property
    def default_ordering(self) -> str:
        return f"-{RANK}" if self._is_search else "-created_at"

    @property
    def _is_search(self) -> bool:
        return self.request is not None and "q" in self.request.GET

    def get_serializer_class(self) -> type[TaskSerializer]:
        return NewTaskSerializer if self.action == "create" else TaskSerializer

    def load_object(self) -> Task:
        """The task of a write, under its lock."""
        changes = self.request.data if self.action in ("update", "partial_update") else None
        leaves = isinstance(changes, dict) and may_leave_series(changes)
        task = locked_task(self.kwargs["pk"], user_id=self.request.user.pk, with_series=leaves)
        if task is None:
            raise NotFound
        return task

    def retrieve(self, request: Request, *args: Any, pk: str, **kwargs: Any) -> Response:
        row = row_of(pk, user_id=request.user.pk)
        if row is None:
            raise NotFound
        return self._answer(row)

    def perform_update(self, serializer: BaseSerializer[Task]) -> None:
        assert serializer.instance is not None
        refuse_trash(serializer.instance)
        serializer.save()

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "permanent",
                OpenApiTypes.BOOL,
                description="Delete it for good instead of moving it to the trash. Default false.",
            )
        ]
    )
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Move it to the trash, where it can be restored for 30 days."""
        task = self.get_object()
        if true_or_false(request, "permanent"):
            task.delete()
        else:
            trash_task(task)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Change many tasks at once",
        request=BulkSerializer,
        responses={200: BulkResultSerializer, 404: ErrorSerializer},
        examples=BULK_EXAMPLES,
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        """Up to 1,000 changes at once, in their order.

        With `atomic` (the default), if one fails, none is made: the response is an error that names fields
        (`operations.3.data.title`), with status 400, or 404 or 409 if all failed operations have that status.
        Otherwise the response is 200 with a result for each. A task that is named twice changes once: one
        version, one event. Split a body that is over the limit (413).
        """
        operations = cast(dict[str, Any], request.data).get("operations")
        if isinstance(operations, list) and 0 < len(operations) <= MAX_OPERATIONS:
            Operations().charge(request, len(operations))
        bulk = BulkSerializer(data=request.data)
        bulk.is_valid(raise_exception=True)
        assert isinstance(request.user, User)
        runner = Bulk(request.user, context=self.get_serializer_context())
        return Response({"results": runner.run(**bulk.validated_data)})

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Complete it. For a recurring task this creates the next occurrence. Again: no change."""
        return self._answer(complete_task(refuse_trash(self.get_object())))

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        """Reopen it. A next occurrence that no one has touched goes to the trash."""
        return self._answer(reopen_task(refuse_trash(self.get_object())))

    @extend_schema(request=SnoozeSerializer, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def snooze(self, request: Request, pk: str) -> Response:
        """Snooze it: no reminder until then, and one at that time. Or end the snooze (`until: null`).

        When a snooze is ended, reminders that passed meanwhile do not ring; later ones ring at their times.
        """
        task = refuse_trash(self.get_object())
        if is_silent(task):
            raise Conflict("Only an open task can be snoozed. Reopen or unarchive it first.", "not_open")
        snooze = SnoozeSerializer(data=request.data)
        snooze.is_valid(raise_exception=True)
        until = snooze.validated_data["until"]
        return self._answer(snooze_task(task, until=until) if until else end_snooze(task))

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Restore it from the trash. If it was skipped, an untouched next occurrence goes there."""
        return self._answer(restore_task(self.get_object()))

    @extend_schema(request=None, responses=SkippedTaskSerializer)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str) -> Response:
        """Skip this occurrence: it goes to the trash, and the next one is created as after a completion.

        Restore it to undo that. `next_id` is the open occurrence that follows; null if the series is over.
        """
        task = refuse_unless_open_occurrence(self.get_object())
        next_id = skip_task(task)
        return Response(self.get_serializer(task).data | {"next_id": next_id})

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """End the series with this occurrence, which stays open: `recurrence_end` becomes its slot."""
        return self._answer(stop_series(refuse_unless_open_occurrence(self.get_object())))

    def _answer(self, task: Task | Row) -> Response:
        return Response(self.get_serializer(task).data)
