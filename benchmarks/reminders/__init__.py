"""Reminders step by step: claimed, pushed, and scans that find nothing."""
