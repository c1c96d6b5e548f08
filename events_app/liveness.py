"""What the loops of a process report: that they still turn.

A handler that hangs stops its loop, but not the process, so a probe asks which loops have not turned lately.
"""

from time import monotonic

from django.conf import settings

last_turns: dict[str, float] = {}


def turned(loop: str) -> None:
    """Report a turn of this loop: when it begins, and at each turn."""
    last_turns[loop] = monotonic()


def ages() -> dict[str, float]:
    """Seconds since the last turn of each loop of this process."""
    now = monotonic()
    return {loop: now - turn for loop, turn in last_turns.items()}


def stuck() -> list[str]:
    """The loops without a turn in the last EVENT_STUCK_SECONDS."""
    return sorted(loop for loop, age in ages().items() if age > settings.EVENT_STUCK_SECONDS)
