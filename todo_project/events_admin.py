"""Events in the admin: what is on its way, what is stuck and what was given up.

Nothing here is edited. A stuck event is tried again or given up, a dead letter is given back or dropped.
"""

import json
from collections.abc import Iterable

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.html import format_html

from events_app.catalogue import UnknownEventError
from events_app.dead_letters import content_of, origin_of
from events_app.models import DeadLetter, EventFields, GroupsEvent, OutboxEvent, ParkedEvent
from events_app.parked import bury, requeue
from http_app.admin_classes import LargeTableAdmin, ReadOnly


class EventAdmin(ReadOnly, LargeTableAdmin):
    """Searched by a task's id, a user's id or an event's id."""

    search_fields = ["subject__exact", "key__exact", "event_id__exact"]
    search_help_text = "A task's id, a user's id or an event's id, in full."
    exclude = ["data"]
    readonly_fields = ["content"]

    @admin.display(description="data")
    def content(self, event: EventFields) -> str:
        return format_html("<pre>{}</pre>", json.dumps(event.data, indent=2, ensure_ascii=False))

    @admin.display(description="came from")
    def origin(self, event: GroupsEvent) -> str:
        return origin_of(event)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"events_app.change_{self.opts.model_name}")


@admin.register(OutboxEvent)
class OutboxEventAdmin(EventAdmin):
    list_display = ["id", "type", "subject", "key", "sequence", "time"]


@admin.register(ParkedEvent)
class ParkedEventAdmin(EventAdmin):
    list_display = ["id", "group", "type", "subject", "key", "origin", "attempts", "next_attempt_at", "error"]
    list_filter = ["group"]
    actions = ["retry_now", "bury"]

    @admin.action(description="Retry now, with what is parked before them", permissions=["operate"])
    def retry_now(self, request: HttpRequest, queryset: QuerySet[ParkedEvent]) -> None:
        """The oldest of a key is always tried first, so all of the key become due. The tick does the rest."""
        _log(request, queryset, "To be retried now.")
        chosen = set(queryset.values_list("group", "key"))
        due = 0
        for group, key in chosen:
            waiting = ParkedEvent.objects.filter(group=group, key=key)
            due += waiting.update(next_attempt_at=timezone.now())
        message = f"{due} events of {len(chosen)} keys are tried again within seconds."
        self.message_user(request, message, messages.SUCCESS)

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
    list_display = ["id", "group", "type", "subject", "key", "origin", "attempts", "died_at", "error"]
    list_filter = ["group", "type", "topic"]
    exclude = ["data", "raw_key", "raw_value", "partition", "offset"]
    readonly_fields = ["origin", "content"]
    actions = ["requeue", "delete_selected"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    @admin.display(description="data, or the bytes if it is no event")
    def content(self, event: EventFields) -> str:
        assert isinstance(event, DeadLetter)
        return format_html("<pre>{}</pre>", content_of(event))

    @admin.action(description="Requeue: give them back to their groups", permissions=["operate"])
    @transaction.atomic
    def requeue(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        """All but those that are still no events; each of those has an error message."""
        dead = list(queryset.select_for_update().order_by("id"))
        given_back = [letter for letter in dead if self._given_back(request, letter)]
        if given_back:
            message = f"{len(given_back)} given back to their groups."
            self.message_user(request, message, messages.SUCCESS)

    def _given_back(self, request: HttpRequest, letter: DeadLetter) -> bool:
        pk = letter.pk
        try:
            requeue(letter)
        except UnknownEventError as error:
            message = f"{pk} is still no event that this release knows: {error}"
            self.message_user(request, message, messages.ERROR)
            return False
        letter.pk = pk  # the row is gone; the log still names it
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
