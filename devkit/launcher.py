"""`./todo COMMAND ...`: the shell script has made the environment and knows the commands; this calls them."""

import sys
from importlib import import_module

from devkit.embedded import StartError


def main(arguments: list[str]) -> int:
    """Run one command; its exit code. What cannot start is one line on stderr and exit code 1."""
    command, *rest = arguments
    module = import_module(f"devkit.commands.{command}")
    try:
        return int(module.run(rest))
    except StartError as failure:
        print(f"./todo: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
