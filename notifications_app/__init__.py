"""Reminders and how they reach people: the scan, deliveries, channels, push subscriptions."""
