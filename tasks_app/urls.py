from django.urls import path
from rest_framework.routers import SimpleRouter

from tasks_app.occurrence_views import TaskOccurrencesView
from tasks_app.quick_add_views import QuickAddView
from tasks_app.task_views import TaskViewSet
from tasks_app.views import PriorityViewSet, TagViewSet

router = SimpleRouter(trailing_slash=False)
router.register("tasks", TaskViewSet, basename="task")
router.register("tags", TagViewSet, basename="tag")
router.register("priorities", PriorityViewSet, basename="priority")

urlpatterns = [
    path("tasks/quick", QuickAddView.as_view(), name="quick-add"),
    path("tasks/<int:task_id>/occurrences", TaskOccurrencesView.as_view(), name="task-occurrences"),
    *router.urls,
]
