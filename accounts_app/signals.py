"""What the apps above have to know of an account."""

from django.dispatch import Signal

# Within the transaction, with `user`: nothing may go any more to the devices this person has had until now.
devices_ended = Signal()
