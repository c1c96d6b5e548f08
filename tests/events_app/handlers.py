"""What tests do to a registered handler."""

from events_app import groups


def replace_handler(group: str, call: groups.Call) -> None:
    """Have the group's handler of `reminder.due` call this from now on."""
    handlers = groups.registry[group]
    handlers["reminder.due"] = handlers["reminder.due"]._replace(call=call)
