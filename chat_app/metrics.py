"""Metrics of the assistant."""

from prometheus_client import Counter, Gauge, Histogram

RUNNING = Gauge("todo_assistant_turns_running", "Turns that run now.", multiprocess_mode="livesum")
ENDED = Counter("todo_assistant_turns_ended", "Turns of the assistant that ended, by state.", ["state"])
TOKENS = Counter("todo_assistant_tokens", "Tokens that the provider counted, of questions and answers.")
STEPS = Counter("todo_assistant_steps", "Calls of tools, by what became of them.", ["outcome"])
SECONDS = Histogram(
    "todo_assistant_turn_seconds",
    "How long turns took, the language model's time included.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180),
)

for _state in ("done", "waiting", "failed", "cancelled", "interrupted"):
    ENDED.labels(_state)
for _outcome in ("done", "refused", "waiting"):
    STEPS.labels(_outcome)
