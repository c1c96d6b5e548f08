"""Ways to reach a person, each a small class with `send`.

To add one, write a module here and a line in notifications_app.deliveries.CHANNELS.
"""
