"""The assistant: our share of a turn, and what turns that are open cost the rest."""

from benchmarks.chat import open_turns, turns
from benchmarks.chat.model_server import model_server
from benchmarks.report import Report
from benchmarks.stage import Stage


def run(stage: Stage) -> Report:
    """First the turns one at a time, then many that are open."""
    with model_server() as url:
        alone = turns.measure(stage, url, turns.MESSAGES)
        print("\n\n".join(alone), flush=True)
        beside = open_turns.measure(stage, url)
    return Report("The assistant's turns", [*alone, "### Beside turns that are open", *beside])
