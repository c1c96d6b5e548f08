from django.urls import path
from rest_framework.routers import SimpleRouter

from recurring_app.history_views import TemplateOccurrencesView, TemplatePreviewView
from recurring_app.preview import PreviewView
from recurring_app.template_views import RecurringTaskViewSet

router = SimpleRouter(trailing_slash=False)
router.register("recurring-tasks", RecurringTaskViewSet, basename="recurring-task")

urlpatterns = [
    path("recurrence/preview", PreviewView.as_view()),
    path("recurring-tasks/<int:template_id>/occurrences", TemplateOccurrencesView.as_view()),
    path("recurring-tasks/<int:template_id>/preview", TemplatePreviewView.as_view()),
    *router.urls,
]
