"""Messages that no one writes: the offline model reads each in a moment, in the loop of everyone's turns."""

from datetime import datetime
from time import thread_time
from zoneinfo import ZoneInfo

import pytest

from chat_app.language_models import Line, Prompt
from chat_app.offline.model import answer_to

NOW = datetime(2026, 3, 25, 10, tzinfo=ZoneInfo("Europe/Berlin"))
LONGEST = 4_000
REPEATED = [
    *("remind me of|a ", "remind me of x|1 ", "remind me of x|1 day ", "remind me of x 1 day|before "),
    *("move x|to a ", "move x|to friday ", "snooze x|until a ", "snooze x|for 1 minute ", "repeat x|every "),
    *("add|every 3 mon ", "add|at 9 ", 'add|" ', "tag x|with a ", "tag x|#a ", "complete|1, ", "|x is done "),
    *("|add a; ", "|remind me of a and ", "delete everything|due ", "what is|due ", "delete all|of ", "|“"),
]
# Ten commands in one message are read, eleven are not.
TEN = ["remind me of " + "a " * 190, "snooze x" + " until a" * 45, "move x" + " to 1/2" * 45]


def read(message: str) -> float:
    """Seconds of computation that an answer to this takes."""
    prompt = Prompt("", [Line("user", message)], [], NOW, "Europe/Berlin", [("High", 3)])
    before = thread_time()
    answer = answer_to(prompt)
    assert answer.text or answer.calls
    return thread_time() - before


@pytest.mark.parametrize("parts", REPEATED)
def test_a_long_message_is_read_in_a_moment(parts: str) -> None:
    beginning, repeated = parts.split("|")
    message = f"{beginning} {repeated * LONGEST}"[:LONGEST]
    assert read(message) < 5


@pytest.mark.parametrize("command", TEN)
def test_ten_long_commands_too(command: str) -> None:
    assert read("; ".join([command] * 10)[:LONGEST]) < 5
