"""Runs attacks one after the other, and prints what the victim saw beside each."""

import argparse
import asyncio
import signal
import sys

from devkit.attack.attacks import ATTACKS, Attack, Outcome
from devkit.attack.calls import Account, ask, message, sign_up
from devkit.attack.target import Target, own_target
from devkit.attack.victim import REQUESTS_A_SECOND, Seen, watch
from devkit.demo.steps import StepFailedError

_PAUSE_SECONDS = 1.0
_ROW = "{:18} {:>8} {:>9} {:>5}  {:5}  {}"


def main(arguments: list[str]) -> int:
    """0 if all held, 1 if one did not."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with own_target() as target:
            return asyncio.run(_attack(target, options))
    except StepFailedError as error:
        print(f"./todo attack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("./todo attack: stopped.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    known = "\n".join(f"  {attack.name:18} {attack.expected}" for attack in ATTACKS)
    parser = argparse.ArgumentParser(
        prog="./todo attack",
        description=(
            "Attacks an instance of its own on this machine, and measures the requests of another user.\n\n"
            f"{known}"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", type=_name, metavar="NAME", help="one of those above; without a name all"
    )
    parser.add_argument("--seconds", type=float, default=12, help="the length of each attack (default 12)")
    parser.add_argument("--goal", type=float, default=1000, help="the victim's p99 in ms (default 1000)")
    parser.epilog = f"The victim sends {REQUESTS_A_SECOND} requests a second."
    return parser


def _name(text: str) -> str:
    if text not in {attack.name for attack in ATTACKS}:
        raise argparse.ArgumentTypeError(f"there is no attack {text}")
    return text


async def _attack(target: Target, options: argparse.Namespace) -> int:
    victim, mallory = [await sign_up(target.port, name) for name in ("victim", "mallory")]
    print(_ROW.format("attack", "p50 ms", "p99 ms", "lost", "held", "expected -> seen"), flush=True)
    created: list[int] = []
    all_held = True
    for attack in ATTACKS:
        if not options.names or attack.name in options.names:
            seen, outcome = await _run(attack, target, victim, mallory, options.seconds)
            held = outcome.held and not seen.lost and seen.percentile(99) < options.goal
            _print_row(attack, seen, outcome, held=held)
            all_held &= held
            created += seen.created
    missing = [task for task in created if not await _exists(target, victim, task)]
    print(f"{len(created)} tasks were created by the victim, {len(missing)} of them are missing.")
    return 0 if all_held and not missing else 1


async def _run(
    attack: Attack, target: Target, victim: Account, mallory: Account, seconds: float
) -> tuple[Seen, Outcome]:
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    found = await asyncio.gather(watch(target.port, victim.token, over), attack.run(target, mallory, over))
    await asyncio.sleep(_PAUSE_SECONDS)  # what one attack leaves behind is not the next one's
    return found


def _print_row(attack: Attack, seen: Seen, outcome: Outcome, *, held: bool) -> None:
    figures = (f"{seen.percentile(50):.0f}", f"{seen.percentile(99):.0f}", len(seen.lost))
    lost = f"; lost: {seen.lost[0]}" if seen.lost else ""
    expected = f"{attack.expected} -> {outcome.saw}{lost}"
    print(_ROW.format(attack.name, *figures, "yes" if held else "NO", expected), flush=True)


async def _exists(target: Target, victim: Account, task: int) -> bool:
    answer = await ask(target.port, message("GET", f"/api/tasks/{task}", token=victim.token))
    return answer.status == 200


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
