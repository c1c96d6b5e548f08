import signal
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from database.direct_connection import use_direct_connection
from events_app.background_threads import BackgroundThread, running
from events_app.metrics import serve_metrics
from events_app.outbox import wake_up_of_settings
from events_app.relay import Relay, broker_of_settings
from events_app.shards import shard_of_settings


class Command(BaseCommand):
    help = "Take events from the outbox to the broker until stopped. Extra copies wait as standbys."

    def handle(self, *args: Any, **options: Any) -> None:
        use_direct_connection()
        serve_metrics()
        relay = Relay(broker_of_settings(), shard_of_settings())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        hearing = BackgroundThread("wake_up", partial(relay.hear, wake_up_of_settings()), every_seconds=1.0)
        with running([hearing, *_threads_besides()], relay.stopping):
            relay.run()


def _threads_besides() -> list[BackgroundThread]:
    """What each relay does besides when there is Kafka or a sidecar before it, a standby too."""
    if "publish" in settings.DAPR:
        from events_app.sidecar_dead_letters import SidecarDeadLetterTopics

        return [BackgroundThread("dead_letters", SidecarDeadLetterTopics().publish_some, every_seconds=1.0)]
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return []
    from events_app.dead_letter_topics import DeadLetterTopics
    from events_app.kafka_admin import Lags

    return [
        BackgroundThread("dead_letters", DeadLetterTopics().publish_some, every_seconds=1.0),
        BackgroundThread("lags", Lags().measure, every_seconds=15.0),
    ]
