"""Recurrence: the calendar arithmetic, templates, and the next occurrence of a completed task."""
