"""Signals for the apps above."""

from django.dispatch import Signal

# Sent inside the transaction, with `user`: from now on nothing may be sent to devices the user has had.
devices_ended = Signal()
# Sent inside the transaction, with `user`: what recurs moves to the time zone that the user now has.
zone_moved = Signal()
# Sent inside the transaction, with `user`: the quiet hours may begin and end at other times.
quiet_hours_changed = Signal()
# Sent with `user`: receivers return whether the user has a device that gets notifications.
device_sought = Signal()
