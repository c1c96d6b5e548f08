from django.urls import include, path
from rest_framework.routers import SimpleRouter

from chat_app.decision_views import ConfirmationViewSet, UndoView
from chat_app.views import AssistantView, ChatView, ConversationViewSet, MessageListView

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("conversations", ConversationViewSet)
router.register("confirmations", ConfirmationViewSet)

urlpatterns = [
    path("assistant", AssistantView.as_view()),
    path("chat", ChatView.as_view()),
    path("conversations/<uuid:conversation_id>/messages", MessageListView.as_view()),
    path("conversations/<uuid:conversation_id>/undo", UndoView.as_view()),
    path("", include(router.urls)),
]
