"""What the stream process counts."""

from prometheus_client import Counter, Gauge, Histogram

OPEN = Gauge("todo_stream_connections", "Streams that are open.", multiprocess_mode="livesum")
OPENED = Counter("todo_stream_opened", "Streams that were opened.")
ENDED = Counter("todo_stream_ended", "Streams that ended.", ["reason"])
REFUSED = Counter("todo_stream_refused", "Requests for a stream that were refused.", ["code"])
UPDATES = Counter("todo_stream_updates", "Updates given to a stream.")
RESETS = Counter("todo_stream_resets", "Streams that were told to read anew.")
LATENESS = Histogram(
    "todo_stream_lateness_seconds",
    "From the change of a task until its update was given to a stream.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
