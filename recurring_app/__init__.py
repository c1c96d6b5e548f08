"""Templates of recurring tasks, and the handler of completed tasks."""
