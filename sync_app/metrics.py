"""What the stream process counts."""

from prometheus_client import Counter, Gauge

OPEN = Gauge("todo_stream_connections", "Streams that are open.", multiprocess_mode="livesum")
OPENED = Counter("todo_stream_opened", "Streams that were opened.")
ENDED = Counter("todo_stream_ended", "Streams that ended.", ["reason"])
REFUSED = Counter("todo_stream_refused", "Requests for a stream that were refused.", ["code"])
UPDATES = Counter("todo_stream_updates", "Updates given to a stream.")
RESETS = Counter("todo_stream_resets", "Streams that were told to read anew.")
