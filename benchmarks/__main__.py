"""`./todo bench`: runs benchmarks one after the other and writes what they found into docs/benchmarks.md."""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import django
from django.core.management import call_command

# What each measures; those that take longer than a few minutes run only when named.
NAMES = {
    "ceiling": "what the load generator can do",
    "create": "creating tasks, beside a naive ModelViewSet and raw psycopg",
    "list": "a list of 50, beside a naive ModelSerializer with prefetch",
    "get": "reading one task on one connection, beside a naive ModelViewSet",
    "update": "changing its title, beside a naive ModelViewSet",
    "complete": "from completing a task until its next occurrence is seen",
    "events": "creating tasks with the events on and off",
    "bulk": "creating 1,000 tasks by one request, one by one, and by COPY",
    "code": "files and lines of each room; functions and SQL statements of each request",
    "recurrence": "the next occurrence, beside croniter, cronsim and dateutil",
    "templates": "generating tasks of templates, beside a bare INSERT and one at a time",
    "scale_plan": "pods and money for a thousand to a hundred million users (writes docs/scale.md)",
    "encryption": "encrypting a push message, beside pywebpush and the key exchange alone",
}
LONG = {
    "burst": "1,000 and 10,000 reminders at one instant, until the push service has them (some minutes)",
    "reminders": "claiming, pushing, and an idle scan of ten million tasks (a quarter of an hour, some GB)",
    "relay": "the relay to a real Kafka, beside a bare producer and a flush each message (needs Java)",
    "latency": "from the commit to handlers and clients of the stream, with and without Kafka (needs Java)",
    "consuming": "reminder.due from a real Kafka, in batches and one by one (needs Java)",
    "mcp": "the live stream beside a full pool of MCP calls (a minute)",
    "chat": "our share of a turn of the assistant, and 50 open turns beside the API (some minutes)",
    "idle": "1,000 and 5,000 idle streams: memory of each, and the API beside them (some minutes)",
    "footprint": "`./todo up` at rest: memory, processes, processor, start to ready (ten minutes; Linux)",
    "memory": "a worker's memory after 100,000 requests (a quarter of an hour)",
    "erasure": "erasing an account with a million tasks (a quarter of an hour)",
    "scale": "lists of a user with a million tasks among ten million of others (half an hour, some GB)",
}


def main(arguments: list[str]) -> int:
    """Run those named, or all that take minutes; the exit code."""
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit that stops the web processes
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    for name in options.names:
        _run(name, options)
    return 0


def parser() -> argparse.ArgumentParser:
    known = "\n".join(f"  {name:10} {about}" for name, about in {**NAMES, **LONG}.items())
    options = argparse.ArgumentParser(
        prog="./todo bench",
        description=f"Measures on a durable PostgreSQL of its own, and writes docs/benchmarks.md.\n\n{known}",
        epilog=f"Without names: all but {', '.join(LONG)}." if LONG else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument(
        "names", nargs="*", default=list(NAMES), type=_name, metavar="NAME", help="one of those above"
    )
    options.add_argument("--rounds", type=int, default=5, help="turns each side gets (default 5)")
    options.add_argument("--seconds", type=float, default=5, help="the length of a turn (default 5)")
    options.add_argument(
        "--tasks",
        type=int,
        default=1_000_000,
        help="of the one user, for scale and erasure; a tenth of all, for reminders",
    )
    options.add_argument("--requests", type=int, default=100_000, help="to the worker, for memory")
    options.add_argument(
        "--only", default="", metavar="TEXT", help="queries with this in their name, for scale"
    )
    options.add_argument(
        "--beside",
        type=Path,
        action="append",
        default=[],
        metavar="CHECKOUT",
        help="another checkout, measured in turns with this one (footprint, code, create to complete)",
    )
    options.add_argument("--dry", action="store_true", help="leave docs/benchmarks.md as it is")
    return options


def _name(text: str) -> str:
    if text not in {**NAMES, **LONG}:
        raise argparse.ArgumentTypeError(
            f"there is no benchmark {text}; there are {', '.join([*NAMES, *LONG])}"
        )
    return text


def _run(name: str, options: argparse.Namespace) -> None:
    # Imported here: they need Django, which must be set up before.
    from benchmarks import report, stage
    from benchmarks.register import BENCHMARKS

    about, started = report.circumstances(), time.monotonic()
    print(f"--- {name}: {about}", flush=True)
    stage.empty_tables()
    with tempfile.TemporaryDirectory() as folder:
        found = BENCHMARKS[name](
            stage.Stage(
                dict(os.environ),
                Path(folder),
                rounds=options.rounds,
                seconds=options.seconds,
                tasks=options.tasks,
                requests=options.requests,
                only=options.only,
                beside=options.beside,
            )
        )
    print(f"{found.text}\n\n--- {name}: done in {time.monotonic() - started:.0f} s", flush=True)
    if not options.dry:
        report.write(f"{name} {options.only}".strip(), found, about=about)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
