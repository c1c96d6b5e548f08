"""The project: settings, URLs, Celery, checks, health and metrics."""

# Every process imports this package first: from here on zones are the pinned package's (recurrence/zones.py).
from recurrence import zones as zones
