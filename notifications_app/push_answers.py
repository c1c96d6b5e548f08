"""What a push service's answer means, and what an operator does about it (RFC 8030, 8292)."""

_OTHER_KEY = (
    "The push service does not accept our signature. Is VAPID_PRIVATE_KEY the one that the browser subscribed"
    " with? Restore it; if it is lost, people must subscribe again."
)
_GONE = (
    "The browser is no longer subscribed, and its subscription here is deleted. Nothing to do: it subscribes"
    " again when its user opens the client."
)
_TOO_LARGE = "The message is too large for this push service. This is a bug of the backend: report it."
_TOO_MANY = (
    "Too many messages for the push service; it is tried again. If it stays, look for a user with many tasks."
)
_BUSY = "The push service has a failure of its own; it is tried again until the delivery expires."
_REFUSED = "The push service refuses this message and it is not tried again. The error says why."
_UNREACHED = (
    "There was no answer; it is tried again until the delivery expires. If there are many, look at the"
    " network, DNS and firewall of the workers."
)
_UNDER_WAY = "A worker is sending it now, or ended while it did; then another one sends within a minute."

_MEANINGS = {
    401: _OTHER_KEY,
    403: _OTHER_KEY,
    404: _GONE,
    408: _BUSY,
    410: _GONE,
    413: _TOO_LARGE,
    429: _TOO_MANY,
}


def in_words(status: int | None, error: str) -> str:
    """The meaning of one attempt, by the HTTP status of its answer, or by the error if there was none."""
    if status is None:
        return _UNREACHED if error else _UNDER_WAY
    if 200 <= status < 300:
        return "The push service has it, and brings it to the browser when that is online."
    return _MEANINGS.get(status, _BUSY if status >= 500 else _REFUSED)
