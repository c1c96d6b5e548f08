"""Times in words, as people of a zone say them."""

from datetime import datetime

from recurrence.rules import local_of


def local_words(at: datetime, zone: str) -> str:
    """An instant in the zone: `Tuesday, 3 March at 09:00`."""
    local = local_of(at, zone)
    return f"{local:%A}, {local.day} {local:%B} at {local:%H:%M}"
