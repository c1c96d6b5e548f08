"""Reminders step by step: claimed, looked for in vain, pushed."""
