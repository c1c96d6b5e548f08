from typing import Any

from django.core.management.base import BaseCommand

from events_app.brokers import broker_of_settings
from events_app.metrics import serve_metrics
from events_app.relay import Relay


class Command(BaseCommand):
    help = "Take events from the outbox to the broker until stopped. Extra copies wait as standbys."

    def handle(self, *args: Any, **options: Any) -> None:
        serve_metrics()
        Relay(broker_of_settings()).run()
