from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from http_app.models import IdempotencyKey


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # no generic at run time
    """Read-only, and without the stored answer itself."""

    list_display = ["key", "user", "status", "created_at"]
    list_filter = ["status", "created_at"]
    list_select_related = ["user"]
    search_fields = ["key__exact", "user__email__iexact"]
    search_help_text = "A full key or email address."
    show_full_result_count = False
    fields = ["key", "user", "status", "fingerprint", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
