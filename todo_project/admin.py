"""The tables of libraries in the admin: what can be changed there only seemingly is only shown."""

from django.contrib import admin
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from rest_framework_simplejwt.token_blacklist.admin import BlacklistedTokenAdmin, OutstandingTokenAdmin
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from events_app.admin import LargeTableAdmin, ReadOnly

# Beat writes its ticks from the settings over these rows at each start: a change made here would look kept.
for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(model)
admin.site.unregister([OutstandingToken, BlacklistedToken])


@admin.register(PeriodicTask)
class TickAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg] # not generic at run time
    list_display = ["name", "task", "interval", "enabled", "last_run_at", "total_run_count"]
    list_select_related = ["interval"]
    fields = [
        "name",
        "task",
        "interval",
        "queue",
        "expire_seconds",
        "enabled",
        "last_run_at",
        "total_run_count",
    ]
    search_fields = ["name", "task"]


@admin.register(OutstandingToken)
class TokenAdmin(LargeTableAdmin, OutstandingTokenAdmin):
    """Without the token itself: with it an operator could be anybody."""

    fields = ["user", "jti", "created_at", "expires_at"]
    search_fields = ("user__email", "jti__exact")
    ordering = ("-id",)


@admin.register(BlacklistedToken)
class RevokedTokenAdmin(LargeTableAdmin, BlacklistedTokenAdmin):
    """A token is chosen by its id: a list of all would be long, and ask for the user of each."""

    raw_id_fields = ["token"]
    search_fields = ("token__user__email", "token__jti__exact")
    ordering = ("-id",)
