"""Ways to reach a person, one module each. Every module here with a `CHANNEL` is one.

To add a channel, write a module with a class as in channel.py and its instance in `CHANNEL`; nothing else.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from notifications_app.channels.channel import Channel


@cache
def all_channels() -> dict[str, Channel]:
    """Every channel, by its name."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    channels: list[Channel] = [module.CHANNEL for module in modules if hasattr(module, "CHANNEL")]
    return {channel.name: channel for channel in channels}
