"""Events in the admin: what is on its way, what is stuck and what was given up.

Nothing here is edited. A stuck event is tried again or given up, a dead letter is given back or dropped.
"""

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.html import format_html

from events_app.catalogue import UnknownEventError
from events_app.dead_letters import content_of, place_of
from events_app.models import DeadLetter, EventFields, GroupsEvent, OutboxEvent, ParkedEvent
from events_app.parked import bury, requeue

# Counting millions of rows takes longer than showing a hundred; whoever needs the rest searches.
MAX_COUNTED = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg] # not generic at run time
    """Counts, and so pages through, the first MAX_COUNTED rows at most."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Model] = self.object_list  # type: ignore[assignment] # the admin's always are
        return rows.order_by()[:MAX_COUNTED].count()


class LargeTableAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # not generic at run time
    """For tables that grow without end: no page counts, and no action takes, them whole."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **options: Any
    ) -> Any:
        """ "Select all" names a number; where counting ends it would mean more than it says."""
        everything = request.POST.get("select_across") == "1"
        if everything and BoundedPaginator(queryset, 1).count == MAX_COUNTED:
            rows = f"{MAX_COUNTED} {self.opts.verbose_name_plural} or more"
            message = f"{rows} are too many for one action: search or filter first."
            self.message_user(request, message, messages.ERROR)
            return None
        return super().response_action(request, queryset, *args, **options)


class ReadOnly:
    """Rows that are looked at only."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class EventAdmin(ReadOnly, LargeTableAdmin):
    """Searched by what an operator has at hand: a task's id, a user's id, an event's id."""

    search_fields = ["subject__exact", "key__exact", "event_id__exact"]
    search_help_text = "A task's id, a user's id or an event's id, in full."
    exclude = ["data"]
    readonly_fields = ["content"]

    @admin.display(description="data")
    def content(self, event: EventFields) -> str:
        return format_html("<pre>{}</pre>", json.dumps(event.data, indent=2, ensure_ascii=False))

    @admin.display(description="came from")
    def place(self, event: GroupsEvent) -> str:
        return place_of(event)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"events_app.change_{self.opts.model_name}")


@admin.register(OutboxEvent)
class OutboxEventAdmin(EventAdmin):
    list_display = ["id", "type", "subject", "key", "sequence", "time"]


@admin.register(ParkedEvent)
class ParkedEventAdmin(EventAdmin):
    list_display = ["id", "group", "type", "subject", "key", "place", "attempts", "next_attempt_at", "error"]
    list_filter = ["group"]
    actions = ["retry_now", "bury"]

    @admin.action(description="Retry now, with what is parked before them", permissions=["operate"])
    def retry_now(self, request: HttpRequest, queryset: QuerySet[ParkedEvent]) -> None:
        """The oldest of a key is always tried first, so all of the key come due. The tick does the rest."""
        _log(request, queryset, "To be retried now.")
        chosen = set(queryset.values_list("group", "key"))
        due = 0
        for group, key in chosen:
            waiting = ParkedEvent.objects.filter(group=group, key=key)
            due += waiting.update(next_attempt_at=timezone.now())
        told = f"{due} events of {len(chosen)} keys are tried again within seconds."
        self.message_user(request, told, messages.SUCCESS)

    @admin.action(description="Give up: bury as dead letters", permissions=["operate"])
    @transaction.atomic
    def bury(self, request: HttpRequest, queryset: QuerySet[ParkedEvent]) -> None:
        parked = list(queryset.select_for_update().order_by("id"))
        _log(request, parked, "Buried as a dead letter.")
        for event in parked:
            event.error = event.error or "Given up by an operator."
            bury(event)
        self.message_user(request, f"{len(parked)} buried as dead letters.", messages.SUCCESS)


@admin.register(DeadLetter)
class DeadLetterAdmin(EventAdmin):
    list_display = ["id", "group", "type", "subject", "key", "place", "attempts", "died_at", "error"]
    list_filter = ["group", "type", "topic"]
    exclude = ["data", "raw_key", "raw_value", "partition", "offset"]
    readonly_fields = ["place", "content"]
    actions = ["requeue", "delete_selected"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    @admin.display(description="data, or the bytes of what is no event")
    def content(self, event: EventFields) -> str:
        assert isinstance(event, DeadLetter)
        return format_html("<pre>{}</pre>", content_of(event))

    @admin.action(description="Requeue: give them back to their groups", permissions=["operate"])
    @transaction.atomic
    def requeue(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        """All but those that are still no events: these are told one by one."""
        dead = list(queryset.select_for_update().order_by("id"))
        given_back = [letter for letter in dead if self._given_back(request, letter)]
        if given_back:
            told = f"{len(given_back)} given back to their groups."
            self.message_user(request, told, messages.SUCCESS)

    def _given_back(self, request: HttpRequest, letter: DeadLetter) -> bool:
        pk = letter.pk
        try:
            requeue(letter)
        except UnknownEventError as error:
            told = f"{pk} is still no event that this release knows: {error}"
            self.message_user(request, told, messages.ERROR)
            return False
        letter.pk = pk  # which is gone, but stands in the log
        _log(request, [letter], "Requeued.")
        return True

    @admin.action(description="Drop for good", permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter]
    ) -> HttpResponseBase | None:
        """Django's own deletion, which asks first."""
        return delete_selected(self, request, queryset)


def _log(request: HttpRequest, events: Iterable[EventFields], what: str) -> None:
    assert request.user.pk is not None
    LogEntry.objects.log_actions(request.user.pk, list(events), CHANGE, what)
