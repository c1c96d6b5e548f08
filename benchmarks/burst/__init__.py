"""Reminders at one instant."""
