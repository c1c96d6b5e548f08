#!/usr/bin/env python
"""Django's command line; `./todo manage` calls it with the right environment."""

import os
import sys

from django.core.management import execute_from_command_line

from todo_project.start_errors import in_one_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
    try:
        execute_from_command_line(sys.argv)
    except Exception as error:
        if (line := in_one_line(error)) is None:
            raise
        sys.exit(f"manage.py: {line}")


if __name__ == "__main__":
    main()
