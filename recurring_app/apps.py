from importlib import import_module

from django.apps import AppConfig


class RecurringAppConfig(AppConfig):
    name = "recurring_app"
    verbose_name = "Recurrence"

    def ready(self) -> None:
        import_module("recurring_app.signals")
