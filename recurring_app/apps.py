from django.apps import AppConfig


class RecurringAppConfig(AppConfig):
    name = "recurring_app"
    verbose_name = "Recurrence"
