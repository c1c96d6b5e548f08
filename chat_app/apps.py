from django.apps import AppConfig


class ChatAppConfig(AppConfig):
    name = "chat_app"
    verbose_name = "Assistant"

    def ready(self) -> None:
        from django.db.models.signals import post_delete

        from chat_app.history import forget_copy
        from chat_app.models import Conversation

        post_delete.connect(forget_copy, sender=Conversation)
