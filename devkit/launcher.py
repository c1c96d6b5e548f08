"""`./todo COMMAND ...`: the shell script has made the environment and knows the commands; this calls them."""

import sys
from importlib import import_module

from devkit.embedded import ExplainedError, StartError
from devkit.embedded.output import say


def main(arguments: list[str]) -> int:
    """Run one command; its exit code. What cannot start is one line on stderr and exit code 1."""
    command, *rest = arguments
    try:
        return int(import_module(f"devkit.commands.{command}").run(rest))
    except ExplainedError:
        return 1
    except StartError as failure:
        say(f"./todo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before a command handles the signal itself
        say("./todo: stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
