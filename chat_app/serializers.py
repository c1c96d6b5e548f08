"""Conversations, messages and turns as the API shows them."""

from typing import Any

from rest_framework import serializers

from chat_app.models import Conversation, Message, Turn
from http_app.serializers import StrictSerializer

LONGEST_MESSAGE = 4_000
ACTION_STATES = ["done", "refused", "waiting"]
TURN_STATES = [Turn.State.DONE.value, Turn.State.WAITING.value]


class ConversationSerializer(StrictSerializer, serializers.ModelSerializer[Conversation]):
    class Meta:
        model = Conversation
        fields = ["id", "title", "archived", "created_at", "updated_at"]
        read_only_fields = ["id", "created_at", "updated_at"]
        extra_kwargs = {
            "title": {"help_text": "Empty: the beginning of the first message."},
            "archived": {"help_text": "Not in the list, unless it is asked for."},
        }


class ToolCallSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField(help_text="The tool.")
    arguments = serializers.JSONField(help_text="As the model wrote them.")


class MessageSerializer(serializers.ModelSerializer[Message]):
    tool_calls = ToolCallSerializer(many=True, help_text="What the assistant called, before it went on.")

    class Meta:
        model = Message
        fields = [
            "id",
            "role",
            "content",
            "tool_calls",
            "tool_call_id",
            "turn_id",
            "tokens_used",
            "created_at",
        ]
        extra_kwargs = {
            "tool_call_id": {"help_text": "Of a tool's result: the call it belongs to. Else empty."},
        }


class ChatSerializer(StrictSerializer):
    message = serializers.CharField(max_length=LONGEST_MESSAGE, help_text="What the user says.")
    conversation_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Null: a new conversation."
    )


class ActionSerializer(serializers.Serializer[Any]):
    call_id = serializers.CharField()
    tool = serializers.CharField()
    state = serializers.ChoiceField(choices=ACTION_STATES)
    arguments = serializers.JSONField(help_text="As the model wrote them.")
    result = serializers.JSONField(help_text="What the tool answered.")


class AskedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="For POST /api/confirmations/{id}/confirm or /decline.")
    tool = serializers.CharField()
    words = serializers.CharField(help_text="What exactly will be done, for the user to read.")
    expires_at = serializers.DateTimeField()


class TurnSerializer(serializers.Serializer[Any]):
    conversation_id = serializers.UUIDField()
    turn_id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=TURN_STATES, help_text="waiting: for a confirmation.")
    reply = serializers.CharField()
    actions = ActionSerializer(many=True)
    confirmation = AskedSerializer(allow_null=True, help_text="The first of `confirmations`, or null.")
    confirmations = AskedSerializer(many=True)


class AssistantSerializer(serializers.Serializer[Any]):
    chat_url = serializers.URLField(help_text="Where POST /api/chat is served.")
    model = serializers.CharField(help_text="`offline`, or provider:model.")
    turns_left = serializers.IntegerField(allow_null=True, help_text="Of today (UTC); null: no limit.")
    tokens_left = serializers.IntegerField(allow_null=True, help_text="Of today (UTC); null: no limit.")


class CancelSerializer(serializers.Serializer[Any]):
    cancelled = serializers.BooleanField(help_text="False: no turn was running.")
