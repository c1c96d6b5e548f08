#!/usr/bin/env python
"""Django's command line; `./todo manage` calls it with the right environment."""

import os
import sys

import django
from django.core.management import execute_from_command_line

from todo_project.start_errors import in_one_line

# Roles of the Procfile: what they are refused for is one line, as for web, workers and beat.
ROLES = {"consume", "relay_outbox", "serve_stream"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
    try:
        if ROLES & set(sys.argv[1:2]) and "--skip-checks" not in sys.argv:
            refuse_unsafe_start()
            sys.argv.append("--skip-checks")
        execute_from_command_line(sys.argv)
    except Exception as error:
        if (line := in_one_line(error)) is None:
            raise
        sys.exit(f"manage.py: {line}")


def refuse_unsafe_start() -> None:
    django.setup()
    from todo_project import checks

    checks.refuse_unsafe_start()


if __name__ == "__main__":
    main()
