"""What the assistant did, for operators: which tools, which changes, what failed. Never what was said.

Nothing here is edited. Messages, titles of conversations, arguments and answers are their user's alone.
"""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from chat_app.models import Change, Confirmation, Conversation, ToolCall, Turn
from http_app.admin_classes import LargeTableAdmin, ReadOnly


class ToolCallInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg] # not generic
    model = ToolCall
    fields = ["tool", "call_id", "at"]
    extra = 0
    can_delete = False


class ChangeInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg] # not generic
    model = Change
    fields = ["kind", "object_id", "action", "was_asked", "version_after", "undone_at", "left_reason"]
    extra = 0
    can_delete = False


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, LargeTableAdmin):
    list_display = ["id", "user", "archived", "created_at", "updated_at"]
    list_select_related = ["user"]
    list_filter = ["archived", "updated_at"]
    search_fields = ["id__exact", "user__email"]
    search_help_text = "A conversation's id in full, or a part of its user's e-mail."
    fields = ["id", "user", "archived", "created_at", "updated_at", "messages", "turns"]
    readonly_fields = ["messages", "turns"]

    @admin.display(description="messages")
    def messages(self, conversation: Conversation) -> int:
        return conversation.messages.count()

    @admin.display(description="turns")
    def turns(self, conversation: Conversation) -> int:
        return conversation.turns.count()


@admin.register(Turn)
class TurnAdmin(ReadOnly, LargeTableAdmin):
    """`error` is the answer that its user got, by code: it has no text of theirs."""

    list_display = ["id", "state", "user", "conversation", "changed", "started_at", "ended_at", "undone_at"]
    list_select_related = ["user"]
    list_filter = ["state", "started_at"]
    search_fields = ["id__exact", "conversation__id__exact", "user__email"]
    search_help_text = "The id of a turn or of its conversation in full, or a part of its user's e-mail."
    fields = [
        "id", "state", "user", "conversation", "started_at", "ended_at", "lease_until", "undone_at", "error",
    ]  # fmt: skip
    inlines = [ToolCallInline, ChangeInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Turn]:
        turns: QuerySet[Turn] = super().get_queryset(request).annotate(changed=Count("changes"))
        return turns

    @admin.display(description="changes")
    def changed(self, turn: Turn) -> int:
        return int(turn.changed)  # type: ignore[attr-defined] # annotated


@admin.register(Confirmation)
class ConfirmationAdmin(ReadOnly, LargeTableAdmin):
    list_display = ["id", "tool", "state", "user", "created_at", "expires_at", "decided_at"]
    list_select_related = ["user"]
    list_filter = ["state", "tool", "created_at"]
    search_fields = ["id__exact", "turn__id__exact", "user__email"]
    search_help_text = "The id of a confirmation or of its turn in full, or a part of its user's e-mail."
    fields = [
        "id", "tool", "state", "user", "conversation", "turn", "created_at", "expires_at", "decided_at",
    ]  # fmt: skip
