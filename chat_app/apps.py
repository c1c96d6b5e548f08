from django.apps import AppConfig


class ChatAppConfig(AppConfig):
    name = "chat_app"
    verbose_name = "Assistant"

    def ready(self) -> None:
        from chat_app.answers import note_decision, note_undo
        from chat_app.signals import confirmation_decided, turn_undone

        confirmation_decided.connect(note_decision)
        turn_undone.connect(note_undo)
