"""The admin of libraries' tables, and of events: rows that the project overwrites are read-only."""

from django.contrib import admin
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from http_app.admin_classes import ReadOnly
from tasks_app import series_admin  # noqa: F401 - registers its class
from todo_project import events_admin  # noqa: F401 - registers its classes

admin.site.index_template = "operator_index.html"
admin.site.site_header = admin.site.site_title = "To-do backend"
admin.site.index_title = "Operation"

# Beat writes its ticks from the settings over these rows at each start: a change made here would look kept.
for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(model)


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
