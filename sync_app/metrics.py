"""Metrics of the stream process."""

from prometheus_client import Counter, Gauge

OPEN = Gauge("todo_stream_connections", "Open streams.", multiprocess_mode="livesum")
OPENED = Counter("todo_stream_opened", "Streams opened.")
ENDED = Counter("todo_stream_ended", "Streams ended, by reason.", ["reason"])
REFUSED = Counter("todo_stream_refused", "Rejected requests for a stream, by status code.", ["code"])
UPDATES = Counter("todo_stream_updates", "Updates sent to streams.")
RESETS = Counter("todo_stream_resets", "Resets sent to streams.")

# From the start: without a zero before it, the first one would have no rate.
for _code in ("401", "403", "429", "503"):
    REFUSED.labels(_code)
for _reason in ("client_left", "expired", "refused", "revoked", "server_stops", "slow"):
    ENDED.labels(_reason)
