"""The project: settings, urls, processes and the `up` command."""

# Every process imports this package first: from here on zones are the pinned package's (recurrence/zones.py).
from recurrence import zones as zones
