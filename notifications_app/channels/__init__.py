"""Ways to reach a person, each one small class with `send`.

A new one is a module here and a line in notifications_app.deliveries.CHANNELS.
"""
