"""Quick add: a task from one English sentence (quick_add/), made as POST /api/tasks makes one."""

from functools import cached_property
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from accounts_app.models import User
from http_app.throttling import Previews
from http_app.views import ApiView
from quick_add import Understood, understand
from tasks_app.models import Priority
from tasks_app.new_task_serializer import NewTaskSerializer
from tasks_app.quick_add_serializers import (
    QuickAddAnswerSerializer,
    QuickAddedSerializer,
    QuickAddSerializer,
    in_json,
    question_in_json,
    span_in_json,
)
from tasks_app.task_serializer import TaskSerializer

# What can be wrong about the sentence itself, whatever the time is.
_CHECKED_IN_A_DRY_RUN = ("title", "priority", "tags")
_SENTENCE = "pay rent every month on the 31st 9am #home !high"
_EXAMPLES = [
    OpenApiExample("Make a task", value={"text": _SENTENCE}, request_only=True),
    OpenApiExample(
        "While one types",
        value={
            "text": "call mum tomorrow at 5",
            "dry_run": True,
            "now": "2026-03-25T10:00:00+01:00",
            "timezone": "Europe/Berlin",
        },
        request_only=True,
    ),
    OpenApiExample(
        "A dry run",
        value={
            "task": {
                "title": "pay rent",
                "due_at": "2026-03-31T09:00+02:00",
                "recurrence_rule": "monthly",
                "priority": "High",
                "tags": ["home"],
            },
            "understood": [
                {
                    "from": 9,
                    "to": 32,
                    "text": "every month on the 31st",
                    "means": "repeats on the 31st of each month (or its last day) at 09:00, Europe/Berlin",
                },
                {"from": 33, "to": 36, "text": "9am", "means": "at 09:00"},
                {"from": 37, "to": 42, "text": "#home", "means": "tag home"},
                {"from": 43, "to": 48, "text": "!high", "means": "priority High"},
            ],
            "questions": [],
        },
        response_only=True,
        status_codes=["200"],
    ),
    OpenApiExample(
        "A question",
        value={
            "task": None,
            "understood": [
                {"from": 9, "to": 17, "text": "tomorrow", "means": "Thursday, 26 March 2026"},
            ],
            "questions": [
                {
                    "code": "am_or_pm",
                    "text": "Is it 5am or 5pm?",
                    "choices": [
                        {"label": "5am", "text": "call mum tomorrow at 5am"},
                        {"label": "5pm", "text": "call mum tomorrow at 5pm"},
                    ],
                }
            ],
        },
        response_only=True,
        status_codes=["200"],
    ),
]


class QuickAddView(ApiView):
    """A task from one sentence. A dry run changes nothing, and is read and counted like a preview."""

    _unreadable: Exception | None = None

    @cached_property
    def only_reads(self) -> bool:  # type: ignore[override]
        """Whether this is a dry run. Scopes depend on it, so it is known before the sign-in is checked."""
        try:
            data = self.request.data
        except Exception as error:
            self._unreadable = error  # it is answered in its turn: REST framework raises it only once
            return False
        return isinstance(data, dict) and data.get("dry_run") is True

    @property
    def keeps_answers(self) -> bool:  # type: ignore[override]
        return not self.only_reads

    def get_throttles(self) -> list[BaseThrottle]:
        return [Previews()] if self.only_reads else super().get_throttles()

    @extend_schema(
        operation_id="tasks_quick_create",
        summary="Make a task from one sentence",
        description=(
            "The sentence says title, due date, recurrence, reminders, tags and priority in English"
            " (docs/quick_add.md). Where it has two readings nothing is made: the response is 200 with"
            " `questions`, and each of their choices is the whole sentence to send instead. Errors name the"
            " fields of POST /api/tasks. With `dry_run` an API token needs only the scope `read`, and the"
            " request does not count as a write; an Idempotency-Key is ignored."
        ),
        request=QuickAddSerializer,
        responses={200: QuickAddAnswerSerializer, 201: QuickAddedSerializer},
        examples=_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        if self._unreadable is not None:
            raise self._unreadable
        body = QuickAddSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        assert isinstance(request.user, User)
        understood = understand(
            asked["text"],
            now=asked.get("now") or timezone.now(),
            timezone=asked.get("timezone") or request.user.timezone,
            priorities=dict(Priority.objects.values_list("name", "level")),
        )
        fields = {name: in_json(value) for name, value in understood.fields.items()}
        if asked["dry_run"] or not fields:
            self._check(fields)
            return Response(_answer(fields or None, understood))
        if "timezone" in asked:
            fields["timezone"] = asked["timezone"]
        new = NewTaskSerializer(data=fields, context={"request": request})
        new.is_valid(raise_exception=True)
        task = TaskSerializer(new.save(), context={"request": request}).data
        location = {"Location": f"/api/tasks/{task['id']}"}
        return Response(_answer(task, understood), status=status.HTTP_201_CREATED, headers=location)

    def _check(self, fields: dict[str, Any]) -> None:
        """Raises ValidationError where the title or a tag would be refused; times may be of another clock."""
        checked = {name: fields[name] for name in _CHECKED_IN_A_DRY_RUN if name in fields}
        if checked:
            new = NewTaskSerializer(data=checked, context={"request": self.request})
            new.is_valid(raise_exception=True)


def _answer(task: dict[str, Any] | None, understood: Understood) -> dict[str, Any]:
    return {
        "task": task,
        "understood": [span_in_json(span) for span in understood.spans],
        "questions": [question_in_json(question) for question in understood.questions],
    }
