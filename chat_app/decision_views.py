"""The API of what users decide about the assistant's work: to allow it, to decline it, to undo it."""

from dataclasses import asdict
from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts_app.models import User
from chat_app.confirmations import confirm, decline
from chat_app.models import Change, Confirmation
from chat_app.undo import REASONS, undo
from http_app.errors import ErrorSerializer
from http_app.serializers import StrictSerializer
from http_app.views import ApiView


class DecidedSerializer(serializers.Serializer[Any]):
    """A confirmation as it was decided."""

    id = serializers.UUIDField(source="confirmation.id")
    state = serializers.ChoiceField(Confirmation.State.choices, source="confirmation.state")
    tool = serializers.CharField(source="confirmation.tool")
    words = serializers.CharField(
        source="confirmation.words", help_text="What it was about, as it was asked."
    )
    conversation_id = serializers.UUIDField(source="confirmation.conversation_id")
    turn_id = serializers.UUIDField(source="confirmation.turn_id", help_text="For an undo.")
    result = serializers.DictField(
        allow_null=True, help_text="What the tool answered; null for what was declined."
    )


class UndoSerializer(StrictSerializer):
    """Which turn; without it the last one that changed something and was not undone."""

    turn_id = serializers.UUIDField(required=False)


class UndoneThingSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(Change.Kind.choices)
    id = serializers.IntegerField()
    name = serializers.CharField(help_text="Its title or name; empty if it is gone.")
    action = serializers.ChoiceField(Change.Action.choices, help_text="What the turn did to it.")


class LeftThingSerializer(UndoneThingSerializer):
    reason = serializers.ChoiceField(
        REASONS,
        help_text="changed_since: someone has changed it after the turn. gone: it was erased. in_use: a tag"
        " that other tasks have. name_taken: another tag has its old name.",
    )


class UndoneSerializer(serializers.Serializer[Any]):
    """What was set back, and what was left as it is. What the turn created is in the trash."""

    turn_id = serializers.UUIDField()
    undone = UndoneThingSerializer(many=True)
    left = LeftThingSerializer(many=True)


class ConfirmationViewSet(ApiView, GenericViewSet[Confirmation]):
    """What the assistant asks to be allowed. The call is stored: nothing of it is taken from the request."""

    lookup_value_converter = "uuid"
    queryset = Confirmation.objects.all()
    long_actions = ("confirm",)

    @extend_schema(request=None, responses={200: DecidedSerializer, 409: ErrorSerializer})
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: Any) -> Response:
        """Allow it: what the question names is done now, once. A repeat gets the same answer.

        409 if it was declined, has expired, or would do something else now (`changed_since`).
        """
        return Response(DecidedSerializer(confirm(cast(User, request.user), pk)).data)

    @extend_schema(request=None, responses={200: DecidedSerializer, 409: ErrorSerializer})
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: Any) -> Response:
        """Do not allow it. A repeat gets the same answer; 409 if it was allowed, or has expired."""
        return Response(DecidedSerializer(decline(cast(User, request.user), pk)).data)


class UndoView(ApiView):
    """Undo what a turn of this conversation changed, as one."""

    action = "undo"
    long_actions = ("undo",)

    @extend_schema(
        operation_id="conversations_undo",
        request=UndoSerializer,
        responses={200: UndoneSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request, conversation_id: Any) -> Response:
        """Tasks and tags are as they were before the turn; what it created goes to the trash.

        What was changed since stays as it is, and `left` names it.
        """
        given = UndoSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        answer = undo(cast(User, request.user), conversation_id=conversation_id, **given.validated_data)
        return Response(UndoneSerializer(asdict(answer)).data)
