"""Each benchmark by its name."""

from collections.abc import Callable

from benchmarks import (
    ceiling,
    code,
    encryption,
    erasure,
    footprint,
    mcp,
    memory,
    recurrence,
    scale_plan,
    templates,
)
from benchmarks.api import bulk, complete, create, events, listing, one
from benchmarks.burst import bursts
from benchmarks.chat import run as chat
from benchmarks.events import consuming, idle, latency, relay
from benchmarks.reminders import steps
from benchmarks.report import Report
from benchmarks.scale import growth
from benchmarks.stage import Stage

BENCHMARKS: dict[str, Callable[[Stage], Report]] = {
    "ceiling": ceiling.run,
    "create": create.run,
    "list": listing.run,
    "get": one.get,
    "update": one.update,
    "complete": complete.run,
    "events": events.run,
    "bulk": bulk.run,
    "code": code.run,
    "recurrence": recurrence.run,
    "templates": templates.run,
    "encryption": encryption.run,
    "scale_plan": scale_plan.run,
    "burst": bursts.run,
    "reminders": steps.run,
    "relay": relay.run,
    "latency": latency.run,
    "consuming": consuming.run,
    "mcp": mcp.run,
    "chat": chat.run,
    "idle": idle.run,
    "footprint": footprint.run,
    "memory": memory.run,
    "scale": growth.run,
    "erasure": erasure.run,
}
