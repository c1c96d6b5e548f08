"""Reminders on their way to people: the scan, deliveries, channels, push subscriptions."""
