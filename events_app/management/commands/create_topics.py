from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Make the Kafka topics that are missing, as KAFKA_TOPIC_* say; those that are there stay."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.KAFKA_BOOTSTRAP_SERVERS:
            raise CommandError("KAFKA_BOOTSTRAP_SERVERS names no Kafka.")
        from events_app.kafka import KafkaException
        from events_app.topics import create_topics, differences

        try:
            made = create_topics()
            for difference in differences():
                self.stderr.write(f"{difference}: it stays as it is.")
        except KafkaException as error:
            where = settings.KAFKA_BOOTSTRAP_SERVERS
            raise CommandError(
                f"The Kafka at {where} makes no topics: {error.args[0].str()}."
                " Wait until it is ready, or mend KAFKA_*."
            ) from error
        self.stdout.write(f"Made: {', '.join(made)}." if made else "All topics are there.")
