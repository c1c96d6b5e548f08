"""The API of conversations, and the checks of POST /api/chat, whose turns run in the stream's process."""

import json
from hashlib import sha256
from typing import Any, cast

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import NotAcceptable
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts_app.models import User
from chat_app.exceptions import TurnRunning
from chat_app.language_models import model_name
from chat_app.models import Conversation, DayOfUse, Message, Turn
from chat_app.openapi import CHAT_DESCRIPTION, CHAT_EVENTS
from chat_app.serializers import (
    AssistantSerializer,
    CancelSerializer,
    ChatSerializer,
    ConversationSerializer,
    MessageSerializer,
    TurnSerializer,
)
from chat_app.turns.beginning import Begun, begin
from chat_app.turns.ending import cancel, fail_left_behind
from chat_app.turns.limits import today
from chat_app.turns.runner import Place, Runner
from http_app.errors import ErrorSerializer, Misdirected
from http_app.filters import BooleanFilter, NamedFilterSet
from http_app.idempotency import REPLAYED, checked_key
from http_app.openapi import IDEMPOTENCY_KEY
from http_app.views import ApiView, OwnedByUser
from sync_app.tickets import stream_url
from tasks_app.views import METHODS, LockedForWrites

_MEDIA_TYPES = ("application/json", "text/event-stream", "application/*", "text/*", "*/*")


def chat_url(request: Request) -> str:
    """Where POST /api/chat is served: beside the live stream."""
    return stream_url(request.get_host(), str(request.scheme)).removesuffix("/stream") + "/chat"


class AssistantView(ApiView):
    """The assistant: where it is, what model answers, and what is left of the user's day."""

    @extend_schema(
        responses=AssistantSerializer, operation_id="assistant", summary="Read about the assistant"
    )
    def get(self, request: Request) -> Response:
        used = DayOfUse.objects.filter(user=request.user.pk, day=today()).first() or DayOfUse()
        turns, tokens = settings.ASSISTANT_TURNS_PER_DAY, settings.ASSISTANT_TOKENS_PER_DAY
        about = {
            "chat_url": chat_url(request),
            "model": model_name(),
            "turns_left": max(0, turns - used.turns) if turns else None,
            "tokens_left": max(0, tokens - used.tokens) if tokens else None,
        }
        return Response(AssistantSerializer(about).data)


class ConversationFilter(NamedFilterSet):
    archived = BooleanFilter(help_text="Default false.")

    class Meta:
        model = Conversation
        fields = ["archived"]


@extend_schema_view(create=extend_schema(description="POST /api/chat creates one too, of its first message."))
class ConversationViewSet(LockedForWrites, ApiView, OwnedByUser, ModelViewSet[Conversation]):
    """Only the user's own. Deleting one deletes its messages, and not the tasks it was about."""

    http_method_names = METHODS
    lookup_value_converter = "uuid"
    queryset = Conversation.objects.all()
    serializer_class = ConversationSerializer
    filterset_class = ConversationFilter
    ordering_fields = {"updated_at": "updated_at", "created_at": "created_at"}
    default_ordering = "-updated_at"

    def get_queryset(self) -> QuerySet[Conversation]:
        found = super().get_queryset()
        if self.action == "list" and "archived" not in self.request.query_params:
            return found.filter(archived=False)
        return found

    def perform_create(self, serializer: BaseSerializer[Conversation]) -> None:
        serializer.save(user=self.request.user)

    def perform_destroy(self, instance: Conversation) -> None:
        fail_left_behind(instance.turns.all())
        if instance.turns.filter(state=Turn.State.RUNNING).exists():
            raise TurnRunning
        instance.delete()

    @extend_schema(request=None, responses=CancelSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel the turn that is running. What it has done stays, and can be undone; nothing follows."""
        cancelled = cancel(self.get_object().turns.all())
        return Response(CancelSerializer({"cancelled": cancelled}).data)


class MessageListView(ApiView, ListAPIView[Message]):
    """The messages of a conversation, with the calls of tools and their results."""

    queryset = Message.objects.all()
    serializer_class = MessageSerializer
    ordering_fields = {"position": "position"}
    default_ordering = "position"

    def get_queryset(self) -> QuerySet[Message]:
        mine = Conversation.objects.filter(user=self.request.user.pk)
        conversation = get_object_or_404(mine, pk=self.kwargs["conversation_id"])
        return super().get_queryset().filter(conversation=conversation)


class ChatRequest(ASGIRequest):
    """A request to the process that serves the chat. The view takes a place, and may begin a turn."""

    place: Place | None = None
    begun: Begun | None = None


class ChatView(ApiView):
    """A message to the assistant. The process of the stream serves it; elsewhere the answer is a 421."""

    # Of the process that serves it.
    runner: Runner | None = None
    also_reads = True  # the answer shows whatever the user has
    keeps_answers = False  # the key belongs to the message: its turn has the answer

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        accepted = request.headers.get("Accept", "*/*")
        if self.runner and not force and not any(kind in accepted for kind in _MEDIA_TYPES):
            raise NotAcceptable("The available media types are application/json and text/event-stream.")
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(
        operation_id="chat",
        summary="Say something to the assistant",
        description=CHAT_DESCRIPTION,
        request=ChatSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={
            200: TurnSerializer,
            (200, "text/event-stream"): CHAT_EVENTS,
            409: ErrorSerializer,
            421: ErrorSerializer,
            422: ErrorSerializer,
        },
    )
    def post(self, request: Request) -> Response:
        said = ChatSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        message, conversation_id = said.validated_data["message"], said.validated_data["conversation_id"]
        key = checked_key(request)
        if self.runner is None:
            raise Misdirected(chat_url(request))
        user = cast(User, request.user)
        http = cast(ChatRequest, request._request)
        http.place = self.runner.take_place(user.pk)
        text = json.dumps([message, str(conversation_id)])
        request_hash = sha256(text.encode()).hexdigest()
        begun = begin(user, message, conversation_id=conversation_id, key=key, request_hash=request_hash)
        if isinstance(begun, Begun):
            http.begun = begun
            return Response({})
        return Response(begun.result, headers={REPLAYED: "true"})
