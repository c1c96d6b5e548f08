"""Each benchmark by its name."""

from collections.abc import Callable

from benchmarks import ceiling, erasure, footprint, memory
from benchmarks.api import bulk, create, events, listing
from benchmarks.events import idle, latency, relay
from benchmarks.report import Report
from benchmarks.scale import growth
from benchmarks.stage import Stage

BENCHMARKS: dict[str, Callable[[Stage], Report]] = {
    "ceiling": ceiling.run,
    "create": create.run,
    "list": listing.run,
    "events": events.run,
    "bulk": bulk.run,
    "relay": relay.run,
    "latency": latency.run,
    "idle": idle.run,
    "footprint": footprint.run,
    "memory": memory.run,
    "scale": growth.run,
    "erasure": erasure.run,
}
