"""Many reminders at one instant: from their time until the push service has them."""
