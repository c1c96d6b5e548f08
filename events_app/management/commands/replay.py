from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from events_app.groups import group_names

START = "start"


class Command(BaseCommand):
    help = (
        "Have a group read its topics again, from a time or an offset on. Its consumers must be stopped."
        " What is handled again has its effect once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--group", required=True)
        parser.add_argument(
            "--from",
            dest="start",
            required=True,
            metavar="TIME|OFFSET|start",
            help="A time with its zone (2030-05-01T09:00:00Z), an offset of one partition, or `start`.",
        )
        parser.add_argument("--topic", help="Only this one of the group's topics.")
        parser.add_argument("--partition", type=int, help="Only this partition, of --topic.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be read again, no more.")

    def handle(self, *args: Any, **options: Any) -> None:
        start = _start(options)
        group, topics = _group_and_topics(options)
        from events_app.kafka import KafkaException, consumer_of
        from events_app.offsets import RewindError, members_of, plan, rewind

        try:
            if not options["dry_run"] and (running := members_of(group)):
                raise CommandError(
                    f"{running} consumers of {group} run. Stop them first: they would go on where they are."
                )
            with consumer_of(group) as client:
                going_back = plan(client, topics, start=start, partition=options["partition"])
                if going_back and not options["dry_run"]:
                    rewind(client, going_back)
        except RewindError as error:
            raise CommandError(str(error)) from error
        except KafkaException as error:
            raise CommandError(f"Kafka: {error.args[0].str()}") from error

        for place, to in going_back:
            count = place.next - to
            self.stdout.write(f"{place.topic} {place.partition}: from {to}, was at {place.next}: {count}")
        total = sum(place.next - to for place, to in going_back)
        will = "would be" if options["dry_run"] else "will be"
        self.stdout.write(f"{total} messages {will} read again by {group}.")


def _start(options: dict[str, Any]) -> datetime | int | None:
    """The time, the offset, or None for the start."""
    text = options["start"]
    if text == START:
        return None
    if text.isascii() and text.isdigit():
        if not options["topic"] or options["partition"] is None:
            raise CommandError("An offset is a place in one partition: name it by --topic and --partition.")
        return int(text)
    try:
        time = parse_datetime(text)
    except ValueError:
        time = None
    if time is None:
        raise CommandError(f"{text!r} is no time (2030-05-01T09:00:00Z), no offset, and not `{START}`.")
    if time.tzinfo is None:
        raise CommandError(f"{text} says no zone: write {text}Z when it is in UTC.")
    return time


def _group_and_topics(options: dict[str, Any]) -> tuple[str, Sequence[str]]:
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        raise CommandError(
            "Without Kafka there is nothing to read again: an event leaves the outbox when it is handled."
            " What could not be handled: manage.py deadletters."
        )
    group, topic = options["group"], options["topic"]
    if group not in group_names():
        raise CommandError(f"There is no group {group}; known are {', '.join(sorted(group_names()))}.")
    from events_app.offsets import topics_of

    topics = topics_of(group)
    if topic and topic not in topics:
        raise CommandError(f"{group} does not read {topic}; it reads {', '.join(topics)}.")
    if options["partition"] is not None and not topic:
        raise CommandError("--partition is one of a topic's: name it by --topic.")
    return group, [topic] if topic else topics
