from django.apps import AppConfig


class ChatAppConfig(AppConfig):
    name = "chat_app"
    verbose_name = "Assistant"

    def ready(self) -> None:
        from django.db.models.signals import post_delete

        from chat_app.answers import note_decision, note_undo
        from chat_app.history import forget_copy
        from chat_app.models import Conversation
        from chat_app.signals import confirmation_decided, turn_undone

        confirmation_decided.connect(note_decision)
        turn_undone.connect(note_undo)
        post_delete.connect(forget_copy, sender=Conversation)
