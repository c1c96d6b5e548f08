import signal
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from events_app.brokers import broker_of_settings
from events_app.chores import Chore, done_beside
from events_app.metrics import serve_metrics
from events_app.relay import Relay
from events_app.wake_up import wake_up_of_settings


class Command(BaseCommand):
    help = "Take events from the outbox to the broker until stopped. Extra copies wait as standbys."

    def handle(self, *args: Any, **options: Any) -> None:
        serve_metrics()
        relay = Relay(broker_of_settings())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        hearing = Chore("wake_up", partial(relay.hear, wake_up_of_settings()), every_seconds=1.0)
        with done_beside([hearing, *_chores_of_kafka()], relay.stopping):
            relay.run()


def _chores_of_kafka() -> list[Chore]:
    """What a relay, also one that stands by, does beside with Kafka."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return []
    from events_app.dead_letter_topics import DeadLetterTopics
    from events_app.offsets import Lags

    return [
        Chore("dead_letters", DeadLetterTopics().publish_some, every_seconds=1.0),
        Chore("lags", Lags().measure, every_seconds=15.0),
    ]
