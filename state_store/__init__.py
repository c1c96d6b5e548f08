"""The state store: the one place that knows Redis keys. A cache, never the only copy of anything."""
