"""Many reminders at one instant: from their time until the push service has them."""

from collections.abc import Sequence
from typing import Any

from benchmarks.burst.backend import backend
from benchmarks.burst.rounds import DRIPPING, Burst, Scene
from benchmarks.burst.sink import sink
from benchmarks.measuring import percentile_of, spread
from benchmarks.report import Report, numbers, table
from benchmarks.stage import Stage

FEW, MANY = 1_000, 10_000
SLOW_MILLISECONDS = 100
AT_ONCE, SLOW = "at once", f"after {SLOW_MILLISECONDS} ms"
DRIPPED = f"beside {DRIPPING} that drip"
ROLES = ("worker", "ticker", "beat", "relay", "postgresql", "valkey")


def run(stage: Stage) -> Report:
    """Bursts in turns, in the processes of the Procfile; MANY and the kill once."""
    few = min(stage.tasks, FEW)
    kinds: dict[str, Any] = {
        AT_ONCE: {},
        DRIPPED: {"dripping": True},
        SLOW: {"milliseconds": SLOW_MILLISECONDS},
    }
    with sink(stage.folder) as push, sink(stage.folder) as dripper, backend(stage) as running:
        scene = Scene(running, push, dripper)
        scene.burst(1)  # the first has the processes start
        alone = [scene.burst(1).last for _ in range(stage.rounds)]
        found: dict[str, list[Burst]] = {}
        for _ in range(stage.rounds):
            for name, how in kinds.items():
                found.setdefault(f"{few:,}, {name}", []).append(scene.burst(few, **how))
        if stage.tasks >= MANY:
            for name in (AT_ONCE, SLOW):
                found[f"{MANY:,}, {name}"] = [scene.burst(MANY, **kinds[name])]
            found[f"{FEW:,}, one process killed"] = [scene.burst(FEW, kill=True)]
    return Report(
        "Reminders at one instant",
        [
            "Goals on two quiet cores: the last of 1,000 after 2 s, of 10,000 after 12 s; after 3 and 20 s"
            " where each push takes 100 ms; 3 ms of the processor each.",
            "Each reminder is of another user, with one browser. Seconds are from the instant until the push"
            " service has the message; the processor is that of all processes but the push service, in"
            " milliseconds for each reminder. Medians of the rounds.",
            table(
                [
                    "reminders, the push service answers",
                    "p50 s",
                    "p99 s",
                    "last s",
                    "lost",
                    "twice",
                    "ms each",
                ],
                [_row(name, bursts) for name, bursts in found.items()],
            ),
            table(
                ["milliseconds each", *ROLES],
                [[name, *_by_role(bursts)] for name, bursts in found.items()],
            ),
            f"- one reminder alone: {numbers(spread(alone), '.2f')} s; goal 1 s",
            _dripping_line(few, found),
        ],
    )


def _row(name: str, bursts: Sequence[Burst]) -> list[str]:
    return [
        name,
        numbers(spread([one.at(50) for one in bursts]), ".2f"),
        numbers(spread([one.at(99) for one in bursts]), ".2f"),
        numbers(spread([one.last for one in bursts]), ".2f"),
        str(sum(one.lost for one in bursts)),
        str(sum(one.twice for one in bursts)),
        numbers(spread([one.milliseconds_each() for one in bursts]), ".2f"),
    ]


def _by_role(bursts: Sequence[Burst]) -> list[str]:
    each = ([one.processor[role] / one.count * 1000 for one in bursts] for role in ROLES)
    return [f"{percentile_of(one, 50):.2f}" for one in each]


def _dripping_line(few: int, found: dict[str, list[Burst]]) -> str:
    without, beside = found[f"{few:,}, {AT_ONCE}"], found[f"{few:,}, {DRIPPED}"]
    more = [one.last - other.last for one, other in zip(beside, without, strict=True)]
    return f"- the last one {DRIPPED}: {numbers(spread(more), '+.2f')} s; goal 1 s"
