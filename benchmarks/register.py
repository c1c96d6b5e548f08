"""Each benchmark by its name."""

from collections.abc import Callable

from benchmarks import ceiling
from benchmarks.api import create, events, listing
from benchmarks.report import Report
from benchmarks.stage import Stage

BENCHMARKS: dict[str, Callable[[Stage], Report]] = {
    "ceiling": ceiling.run,
    "create": create.run,
    "list": listing.run,
    "events": events.run,
}
