from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class EventsAppConfig(AppConfig):
    name = "events_app"
    verbose_name = "Events"

    def ready(self) -> None:
        # Handlers are found, not imported: each app's consumers.py registers its own.
        autodiscover_modules("consumers")
