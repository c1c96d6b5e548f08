from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from events_app.brokers import broker_of_settings
from events_app.chores import Chore, done_beside
from events_app.metrics import serve_metrics
from events_app.relay import Relay


class Command(BaseCommand):
    help = "Take events from the outbox to the broker until stopped. Extra copies wait as standbys."

    def handle(self, *args: Any, **options: Any) -> None:
        serve_metrics()
        relay = Relay(broker_of_settings())
        with done_beside(_chores(), relay.stopping):
            relay.run()


def _chores() -> list[Chore]:
    """What a relay, also one that stands by, does beside: only with Kafka."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return []
    from events_app.dead_letter_topics import DeadLetterTopics
    from events_app.offsets import Lags

    return [
        Chore("dead_letters", DeadLetterTopics().publish_some, every_seconds=1.0),
        Chore("lags", Lags().measure, every_seconds=15.0),
    ]
