"""A step of the demo reports what it saw, or fails. Also how steps wait, and how they are printed."""

import time
from collections.abc import Callable
from typing import TypeVar

Step = Callable[[], str]
Found = TypeVar("Found")


class StepFailedError(Exception):
    """Something is not as the story claims; the text says what was seen instead."""


class NotSeenError(Exception):
    """A step cannot look from here; the text says why. Not a failure."""


def require(holds: object, otherwise: str) -> None:
    """Raise StepFailedError, saying `otherwise`, unless it holds."""
    if not holds:
        raise StepFailedError(otherwise)


def wait_for(look: Callable[[], Found | None], *, seconds: float, what: str, every: float = 0.05) -> Found:
    """What `look` finds, as soon as it finds something; StepFailedError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise StepFailedError(f"{what} within {seconds:g} s")
        time.sleep(every)
    return found


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


class Teller:
    """Prints one line a step: seconds since the start, the verdict, the title, what was seen."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.failed = ""
        self.held = 0

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._started

    def say(self, verdict: str, title: str, text: str) -> None:
        print(f"{self.elapsed:6.2f} s  {verdict:<6}  {title:<10}  {text}", flush=True)

    def tell(self, title: str, step: Step) -> bool:
        """Take a step and say how it went; whether the story can go on."""
        try:
            self.say("ok", title, step())
            self.held += 1
        except NotSeenError as reason:
            self.say("-", title, str(reason))
        except StepFailedError as error:
            self.fail(title, str(error))
            return False
        except KeyError as name:
            self.fail(title, f"the answer has no {name}")
            return False
        return True

    def fail(self, title: str, reason: str) -> None:
        self.failed = self.failed or title
        self.say("FAILED", title, reason)
