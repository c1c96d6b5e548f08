from django.urls import include, path
from rest_framework.routers import SimpleRouter

from chat_app.decision_views import ConfirmationViewSet, UndoView

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("confirmations", ConfirmationViewSet)

urlpatterns = [
    path("conversations/<uuid:conversation_id>/undo", UndoView.as_view()),
    path("", include(router.urls)),
]
