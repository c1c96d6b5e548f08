"""Classes for the admin pages of every room: tables that grow without end, and rows that are only shown."""

from functools import cached_property
from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

# Counting millions of rows takes longer than showing a hundred. Search to reach the rest.
MAX_COUNTED = 10_000
_DIGITS_OF_ID = 18  # all such numbers are in the range of PostgreSQL's bigint


class BoundedPaginator(Paginator):  # type: ignore[type-arg] # not generic at run time
    """Counts at most the first MAX_COUNTED rows, and so pages through no more."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Model] = self.object_list  # type: ignore[assignment] # the admin's always are
        return rows.order_by()[:MAX_COUNTED].count()


class LargeTableAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # not generic at run time
    """For tables that grow without end: no page counts all rows, and no action takes all."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **options: Any
    ) -> Any:
        """ "Select all" shows a number. Where counting ends, it would select more than it shows."""
        everything = request.POST.get("select_across") == "1"
        if everything and BoundedPaginator(queryset, 1).count == MAX_COUNTED:
            rows = f"{MAX_COUNTED} {self.opts.verbose_name_plural} or more"
            message = f"{rows} are too many for one action: search or filter first."
            self.message_user(request, message, messages.ERROR)
            return None
        return super().response_action(request, queryset, *args, **options)


class FoundByTask:
    """A search for a number finds the row with this id, and the rows of the task with this id, by indexes."""

    task_lookup: str  # the way from a row to its task

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        number = search_term.strip()
        if number.isascii() and number.isdigit() and len(number) <= _DIGITS_OF_ID:
            return queryset.filter(Q(pk=int(number)) | Q(**{self.task_lookup: int(number)})), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)  # type: ignore[misc] # a mixin
        return found


class ReadOnly:
    """Rows that are only shown."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
