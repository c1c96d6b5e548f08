from django.urls import path
from rest_framework.routers import SimpleRouter

from notifications_app.views import PushSubscriptionViewSet, TaskRemindersView, VapidPublicKeyView

router = SimpleRouter(trailing_slash=False)
router.register("push-subscriptions", PushSubscriptionViewSet, basename="push-subscription")

urlpatterns = [
    path("push/vapid-public-key", VapidPublicKeyView.as_view(), name="vapid-public-key"),
    path("tasks/<int:task_id>/reminders", TaskRemindersView.as_view(), name="task-reminders"),
    *router.urls,
]
