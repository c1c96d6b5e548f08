"""Tasks, priorities and tags: the data, the API, and the events their changes make."""
