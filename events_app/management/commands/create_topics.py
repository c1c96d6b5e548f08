from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Create the Kafka topics that are missing, as KAFKA_TOPIC_* say. Existing topics stay as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.KAFKA_BOOTSTRAP_SERVERS:
            raise CommandError("KAFKA_BOOTSTRAP_SERVERS names no Kafka.")
        from events_app.kafka import KafkaException
        from events_app.kafka_admin import create_topics, differences

        try:
            made = create_topics()
            for difference in differences():
                self.stderr.write(f"{difference}. The topic stays as it is.")
        except KafkaException as error:
            where = settings.KAFKA_BOOTSTRAP_SERVERS
            raise CommandError(
                f"The Kafka at {where} creates no topics: {error.args[0].str()}."
                " Wait until it is ready, or correct KAFKA_*."
            ) from error
        self.stdout.write(f"Created: {', '.join(made)}." if made else "All topics exist.")
