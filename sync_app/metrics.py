"""Metrics of the stream process."""

from prometheus_client import Counter, Gauge

OPEN = Gauge("todo_stream_connections", "Open streams.", multiprocess_mode="livesum")
OPENED = Counter("todo_stream_opened", "Streams opened.")
ENDED = Counter("todo_stream_ended", "Streams ended, by reason.", ["reason"])
REFUSED = Counter("todo_stream_refused", "Rejected requests for a stream, by status code.", ["code"])
UPDATES = Counter("todo_stream_updates", "Updates sent to streams.")
RESETS = Counter("todo_stream_resets", "Resets sent to streams.")
