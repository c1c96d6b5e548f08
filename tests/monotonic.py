"""A clock for a module that measures with `time.monotonic`: only the test moves it."""


class Monotonic:
    """In place of the module's `time`; `now` is in seconds."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now
