"""Series that move to another time zone, in the admin; a tick moves them."""

from django.contrib import admin

from http_app.admin_classes import LargeTableAdmin, ReadOnly
from tasks_app.series_move import SeriesMove


@admin.register(SeriesMove)
class SeriesMoveAdmin(ReadOnly, LargeTableAdmin):
    list_display = ["id", "user", "timezone", "requested_at"]
    list_select_related = ["user"]
    search_fields = ["user__email", "timezone"]
