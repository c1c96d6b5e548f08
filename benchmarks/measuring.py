"""Sides, rounds and figures. The statistics are the standard library's."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Turn:
    """What one side did in one round: seconds each piece of work took, and seconds for all of it.

    `pieces` is how many things one piece of work makes (1,000 tasks of one bulk request).
    `server_seconds` and `generator_seconds` are the processor's, of the web process and of the generator.
    """

    latencies: list[float]
    seconds: float
    server_seconds: float = 0.0
    generator_seconds: float = 0.0
    pieces: int = 1

    @property
    def per_second(self) -> float:
        return len(self.latencies) * self.pieces / self.seconds


@dataclass(frozen=True)
class Side:
    """One of those compared: `turn` works for the given seconds."""

    name: str
    turn: Callable[[float], Turn]


@dataclass
class Series:
    """All the turns of one side."""

    name: str
    turns: list[Turn] = field(default_factory=list)

    @property
    def done(self) -> int:
        return sum(len(turn.latencies) * turn.pieces for turn in self.turns)

    @property
    def rates(self) -> list[float]:
        return [turn.per_second for turn in self.turns]

    @property
    def server_milliseconds(self) -> float:
        """Of the processor, in the web process, for each thing made."""
        return sum(turn.server_seconds for turn in self.turns) / self.done * 1000

    def milliseconds(self, percentile: int) -> float:
        """A percentile (1 to 99) of the latencies of all turns."""
        latencies = [latency for turn in self.turns for latency in turn.latencies]
        return percentile_of(latencies, percentile) * 1000


@dataclass(frozen=True)
class Spread:
    """The median of the rounds, and the lowest and the highest."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def percentile_of(values: Sequence[float], percentile: int) -> float:
    """A percentile (1 to 99) of one or more values."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percentile - 1]


def ratio(one: Series, other: Series) -> Spread:
    """How many times as much one side did as the other, round by round: what both shared cancels out."""
    return spread([mine / theirs for mine, theirs in zip(one.rates, other.rates, strict=True)])


def interleave(
    sides: Sequence[Side], *, rounds: int, seconds: float, between: Callable[[], object]
) -> dict[str, Series]:
    """A B A B ...: each round gives each side its turn, after one of a second at most to warm up.

    `between` runs before each turn, so that no side pays for what another left behind.
    """
    series = {side.name: Series(side.name) for side in sides}
    for side in sides:
        side.turn(min(seconds, 1.0))
    for _ in range(rounds):
        for side in sides:
            between()
            series[side.name].turns.append(side.turn(seconds))
    return series
