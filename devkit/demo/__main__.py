"""Prints each step of the demo; exit code 0 if all succeed, 1 if a step fails, 130 on Ctrl-C."""

import signal
import sys

from devkit.demo.instance import Instance, found_or_started
from devkit.demo.push_service import push_service
from devkit.demo.steps import StepFailedError, Teller
from devkit.demo.story import Story

_LOG_LINES = 20


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    teller = Teller()
    try:
        with push_service() as push, found_or_started(teller) as instance:
            tell(Story(instance, push), teller)
            if teller.failed:
                _show_log(instance)
    except StepFailedError as error:
        teller.fail("Instance", str(error))
    except KeyboardInterrupt:
        print("./todo demo: stopped.", file=sys.stderr)
        return 130
    return sum_up(teller)


def tell(story: Story, teller: Teller) -> None:
    """Tell it to its end or to the first step that fails; then clean up, unless the instance goes anyway."""
    try:
        all(teller.tell(title, step) for title, step in story.steps())
    finally:
        if not story.instance.is_own:
            teller.tell("Clean up", story.clean_up)


def _show_log(instance: Instance) -> None:
    """What an instance of our own last said, because its logs go with it."""
    if instance.log:
        lines = instance.log.read_text(errors="replace").splitlines()
        print(*lines[-_LOG_LINES:], sep="\n", file=sys.stderr)


def sum_up(teller: Teller) -> int:
    """The last line, and the exit code."""
    if teller.failed:
        print(f"FAILED at {teller.failed!r}, after {teller.elapsed:.1f} s.", flush=True)
        return 1
    print(f"The story holds: {teller.held} steps in {teller.elapsed:.1f} s.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
