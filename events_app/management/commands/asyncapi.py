from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandParser

from events_app.asyncapi import document


class _Plain(yaml.SafeDumper):
    """Writes a part that comes again in full: readers of AsyncAPI know no YAML anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class Command(BaseCommand):
    help = "Write the AsyncAPI document of the events (docs/asyncapi.yaml is it)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=Path, help="Where to; the output when it is not named.")

    def handle(self, *args: Any, **options: Any) -> None:
        text = yaml.dump(document(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
        if options["file"]:
            options["file"].write_text(text)
        else:
            self.stdout.write(text)
