"""The shape of POST /api/tasks/bulk."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from http_app.errors import ErrorSerializer
from http_app.serializers import OneOfField, StrictSerializer
from tasks_app.labelled import LARGEST_ID

MAX_OPERATIONS = 1_000
OPERATIONS = ["create", "update", "complete", "reopen", "delete", "restore", "skip"]


class EachByItself(serializers.ListSerializer[Any]):
    """An invalid operation becomes a ValidationError in its place, and its own result."""

    def run_child_validation(self, data: Any) -> Any:
        try:
            return super().run_child_validation(data)
        except ValidationError as error:
            return error


@extend_schema_field({"type": "object", "additionalProperties": True})
class FieldsOfATask(serializers.DictField):
    pass


class OperationSerializer(StrictSerializer):
    """One change of one task."""

    op = OneOfField(choices=OPERATIONS)
    id = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST_ID, help_text="The task. Required except for create."
    )
    data: Any = FieldsOfATask(
        child=serializers.JSONField(allow_null=True),  # its type is checked with the task
        required=False,
        help_text=(
            "create: the fields as POST /api/tasks takes them. update: those that change, as PATCH takes."
            " delete: `permanent`, true to erase the task past the trash. The others: nothing."
        ),
    )

    class Meta:
        list_serializer_class = EachByItself

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["op"] == "create" and "id" in attrs:
            raise ValidationError(
                {"id": ["The id of a new task is assigned by the server; remove it."]}, code="read_only"
            )
        if attrs["op"] != "create" and "id" not in attrs:
            raise ValidationError({"id": [ErrorDetail("The id of the task is required.", "required")]})
        if attrs["op"] in ("create", "update") and "data" not in attrs:
            raise ValidationError({"data": [ErrorDetail("The fields to write are required.", "required")]})
        return attrs


class DeleteSerializer(StrictSerializer):
    permanent = serializers.BooleanField(default=False)


class NothingSerializer(StrictSerializer):
    """The data of an operation that has none."""


class BulkSerializer(StrictSerializer):
    """Up to 1,000 changes, made in this order."""

    operations = OperationSerializer(many=True, allow_empty=False, max_length=MAX_OPERATIONS)  # type: ignore[call-arg]
    atomic = serializers.BooleanField(
        default=True, help_text="True: all or nothing. False: each on its own; those that succeed are kept."
    )


class ResultSerializer(serializers.Serializer[Any]):
    """The result of one operation."""

    status = serializers.IntegerField(help_text="201, 200 or 204 as the single route answers; 400, 404, 409.")
    id = serializers.IntegerField(required=False, help_text="The task; missing if there is an error.")
    error = ErrorSerializer(required=False)


class BulkResultSerializer(serializers.Serializer[Any]):
    results = ResultSerializer(many=True, help_text="In the order of the operations.")


EXAMPLES = [
    OpenApiExample(
        "What a client did while it was offline",
        value={
            "operations": [
                {"op": "create", "data": {"title": "Water the plants", "tags": ["home"]}},
                {"op": "update", "id": 7, "data": {"priority": "High"}},
                {"op": "complete", "id": 7},
                {"op": "delete", "id": 8},
            ],
            "atomic": False,
        },
        request_only=True,
    ),
    OpenApiExample(
        "One result for each, in order",
        value={
            "results": [
                {"status": 201, "id": 12},
                {"status": 200, "id": 7},
                {"status": 200, "id": 7},
                {
                    "status": 404,
                    "error": {
                        "type": "client_error",
                        "errors": [
                            {
                                "code": "not_found",
                                "detail": "You have no task with this id.",
                                "attr": "operations.3.id",
                            }
                        ],
                    },
                },
            ]
        },
        response_only=True,
        status_codes=["200"],
    ),
]
