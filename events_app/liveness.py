"""Whether the loops of this process still turn: what an orchestrator's probe is told at METRICS_PORT.

A handler that hangs hangs its loop. The process answers all the same, so the answer says which loop it is.
"""

from time import monotonic

from django.conf import settings

_last_turns: dict[str, float] = {}


def turned(loop: str) -> None:
    """To be called at each turn of a loop, the first time when it begins."""
    _last_turns[loop] = monotonic()


def ages() -> dict[str, float]:
    """Seconds since the last turn of each loop of this process."""
    now = monotonic()
    return {loop: now - turn for loop, turn in _last_turns.items()}


def stuck() -> list[str]:
    """The loops that have not turned for EVENT_STUCK_SECONDS."""
    return sorted(loop for loop, age in ages().items() if age > settings.EVENT_STUCK_SECONDS)
