import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import QuerySet

from events_app.catalogue import UnknownEventError
from events_app.dead_letters import content_of, origin_of
from events_app.models import DeadLetter
from events_app.parked import requeue

COLUMNS = ["id", "group", "type", "subject", "key", "from", "attempts", "died_at", "error"]
WIDEST = 60
FILTERS = ["group", "type", "topic"]


class Command(BaseCommand):
    help = "Dead letters, which a group gave up on: list or show them, give them back, or drop them."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="list|show|replay|drop")
        listing = actions.add_parser("list", help="The newest first.")
        listing.add_argument("--limit", type=int, default=50)
        showing = actions.add_parser("show", help="One, with all its details.")
        showing.add_argument("id", type=int)
        replaying = actions.add_parser(
            "replay", help="Give them back to their groups; they are tried within seconds."
        )
        replaying.add_argument("ids", type=int, nargs="*", metavar="ID")
        dropping = actions.add_parser("drop", help="Delete them; they are never handled.")
        dropping.add_argument("ids", type=int, nargs="*", metavar="ID")
        for one in (replaying, dropping):
            one.add_argument("--all", action="store_true", help="All, or all that match the filters.")
        for one in (listing, replaying, dropping):
            for name in FILTERS:
                one.add_argument(f"--{name}")
        for one in (listing, showing):
            one.add_argument("--json", action="store_true", help="For programs.")

    def handle(self, *args: Any, **options: Any) -> None:
        actions: dict[str, Callable[[dict[str, Any]], None]] = {
            "list": self._list,
            "show": self._show,
            "replay": self._replay,
            "drop": self._drop,
        }
        actions[options["action"]](options)

    def _list(self, options: dict[str, Any]) -> None:
        letters = _filtered(options)
        shown = [_row(letter) for letter in letters[: options["limit"]]]
        if options["json"]:
            self.stdout.write(json.dumps(shown, indent=2))
            return
        self._write_table(shown)
        self.stdout.write(f"{len(shown)} of {letters.count()} dead letters.")

    def _write_table(self, rows: Sequence[dict[str, Any]]) -> None:
        lines = [COLUMNS, *([_cell(row[name]) for name in COLUMNS] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines if rows else ():
            cells = (text.ljust(width) for text, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())

    def _show(self, options: dict[str, Any]) -> None:
        (letter,) = _by_ids([options["id"]])
        row = _row(letter) | {
            "event_id": str(letter.event_id),
            "published_at": letter.published_at and letter.published_at.isoformat(),
            "is_event": letter.raw_value is None,
            "content": content_of(letter),
        }
        if options["json"]:
            self.stdout.write(json.dumps(row, indent=2))
            return
        content = row.pop("content")
        for name, value in row.items():
            self.stdout.write(f"{name + ':':14}{'' if value is None else _plain(value)}")
        self.stdout.write(content)

    def _replay(self, options: dict[str, Any]) -> None:
        """Oldest first, each in a transaction of its own."""
        chosen = list(_chosen(options).order_by("id").values_list("pk", flat=True))
        failed = [pk for pk in chosen if not self._give_back(pk)]
        self.stdout.write(f"{len(chosen) - len(failed)} given back to their groups.")
        if failed:
            raise CommandError(f"{len(failed)} stay dead letters.")

    @transaction.atomic
    def _give_back(self, pk: int) -> bool:
        letter = DeadLetter.objects.select_for_update().filter(pk=pk).first()
        if letter is None:  # another process was faster
            return True
        try:
            requeue(letter)
        except UnknownEventError as error:
            self.stderr.write(f"{pk} is still no event that this release knows: {error}")
            return False
        return True

    @transaction.atomic
    def _drop(self, options: dict[str, Any]) -> None:
        dropped, _ = _chosen(options).delete()
        self.stdout.write(f"{dropped} dropped.")


def _chosen(options: dict[str, Any]) -> QuerySet[DeadLetter]:
    if bool(options["ids"]) == options["all"]:
        raise CommandError("Name ids, or use --all.")
    if options["ids"] and any(options[name] for name in FILTERS):
        raise CommandError("--group, --type and --topic need --all.")
    return _by_ids(options["ids"]) if options["ids"] else _filtered(options)


def _filtered(options: dict[str, Any]) -> QuerySet[DeadLetter]:
    wanted = {name: options[name] for name in FILTERS if options[name] is not None}
    return DeadLetter.objects.filter(**wanted)


def _by_ids(ids: Iterable[int]) -> QuerySet[DeadLetter]:
    """All of them, or an error that names those that are not there."""
    found = DeadLetter.objects.filter(pk__in=ids)
    if missing := sorted(set(ids) - set(found.values_list("pk", flat=True))):
        raise CommandError(f"There is no dead letter {', '.join(map(str, missing))}.")
    return found


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.pk,
        "group": letter.group,
        "type": letter.type,
        "subject": letter.subject,
        "key": letter.key,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "from": origin_of(letter),
        "attempts": letter.attempts,
        "died_at": letter.died_at.isoformat(timespec="seconds"),
        "error": letter.error,
    }


def _cell(value: object) -> str:
    text = _plain(value) or "-"
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}..."


def _plain(value: object) -> str:
    """On one line, and without control characters that would reach the operator's terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value))
