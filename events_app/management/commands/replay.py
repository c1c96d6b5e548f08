from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from events_app.groups import group_names, topics_of

START = "start"


class Command(BaseCommand):
    help = (
        "Make a group read its topics again from a time or an offset. Its consumers must be stopped."
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
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be read again.")

    def handle(self, *args: Any, **options: Any) -> None:
        start = _start(options)
        group, topics = _group_and_topics(options)
        from events_app.kafka import KafkaException, consumer_of
        from events_app.kafka_admin import RewindError, members_of, plan, rewind

        try:
            if not options["dry_run"] and (running := members_of(group)):
                raise CommandError(
                    f"{running} consumers of {group} are running and would not go back. Stop them first."
                )
            with consumer_of(group) as client:
                going_back = plan(client, topics, start=start, partition=options["partition"])
                if going_back and not options["dry_run"]:
                    rewind(client, going_back)
        except RewindError as error:
            raise CommandError(str(error)) from error
        except KafkaException as error:
            raise CommandError(f"Kafka: {error.args[0].str()}") from error

        for now, to in going_back:
            self.stdout.write(f"{now.topic} {now.partition}: from {to}, was at {now.next}: {now.next - to}")
        total = sum(now.next - to for now, to in going_back)
        will = "would be" if options["dry_run"] else "will be"
        self.stdout.write(f"{total} messages {will} read again by {group}.")


def _start(options: dict[str, Any]) -> datetime | int | None:
    """The time, the offset, or None for the start."""
    text = options["start"]
    if text == START:
        return None
    if text.isascii() and text.isdigit():
        if not options["topic"] or options["partition"] is None:
            raise CommandError("An offset belongs to one partition: name it with --topic and --partition.")
        return int(text)
    try:
        time = parse_datetime(text)
    except ValueError:
        time = None
    if time is None:
        raise CommandError(f"{text!r} is not a time (2030-05-01T09:00:00Z), not an offset and not `{START}`.")
    if time.tzinfo is None:
        raise CommandError(f"{text} has no time zone: write {text}Z if it is in UTC.")
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
    topics = topics_of(group)
    if topic and topic not in topics:
        raise CommandError(f"{group} does not read {topic}; it reads {', '.join(topics)}.")
    if options["partition"] is not None and not topic:
        raise CommandError("--partition needs --topic.")
    return group, [topic] if topic else topics
