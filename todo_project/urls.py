"""Every route. What goes wrong under /api/ is JSON, also where no view was reached."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from http_app.error_answers import read_only
from notifications_app.action_views import follow_link
from notifications_app.unsubscribe_views import follow_unsubscribe_link
from todo_project import dapr, health
from todo_project.internal import check_reminders
from todo_project.metrics import metrics
from todo_project.openapi import KeptSchemaGenerator

handler400 = "http_app.error_answers.bad_request"
handler404 = "http_app.error_answers.not_found"
handler500 = "http_app.error_answers.server_error"

api: list[URLPattern | URLResolver] = [
    path("", include("tasks_app.urls")),  # first, since most requests are for these
    path("schema", read_only(SpectacularAPIView.as_view(generator_class=KeptSchemaGenerator)), name="schema"),
    path(
        "docs",
        read_only(SpectacularSwaggerSplitView.as_view(url_name="schema")),
        name="docs",
    ),
    path("", include("accounts_app.urls")),
    path("", include("recurring_app.urls")),
    path("", include("notifications_app.urls")),
    path("", include("sync_app.urls")),
    path("", include("chat_app.urls")),
]
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),
    path("api", read_only(RedirectView.as_view(pattern_name="docs"))),
    path("api/", read_only(RedirectView.as_view(pattern_name="docs"))),
    path("api/", include(api)),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("r/<str:token>", follow_link, name="link"),
    path("u/<str:token>", follow_unsubscribe_link, name="unsubscribe"),
    path("app", RedirectView.as_view(pattern_name="page")),
    path("app/", include("web_app.urls")),
    path("healthz/live", health.live),
    path("healthz/ready", health.ready),
    path("metrics", metrics),
    path("internal/check-reminders", check_reminders),
    path("dapr/subscribe", dapr.subscribe),
    path("dapr/events/<str:topic>", dapr.take_message, name="dapr-events"),
    path("reminder-cron", dapr.reminder_cron),
]
