"""What a push service's answer means, and what an operator does about it (RFC 8030, 8292)."""

from collections.abc import Mapping

from notifications_app.models import WEB_PUSH, DeliveryAttempt
from notifications_app.pinned_http import Answer

# The domains of the push services of browsers.
_SERVICES = {
    "apple": "push.apple.com",
    "google": "googleapis.com",
    "microsoft": "notify.windows.com",
    "mozilla": "push.services.mozilla.com",
}
# Where a reason may be beside the body: Microsoft's service answers without one.
_REASON_HEADERS = ("X-WNS-Error-Description", "X-WNS-Status", "X-WNS-NotificationStatus", "WWW-Authenticate")
_REASON_LENGTH = 1000
# Microsoft's service accepts a message (200), and says in a header that it has dropped it.
_DROPPED = {"dropped", "channelthrottled"}

_OTHER_KEY = (
    "The push service does not accept our signature. Is VAPID_PRIVATE_KEY the one that the browser subscribed"
    " with? Restore it; if it is lost, people must subscribe again. Apple also refuses a VAPID_SUBJECT at"
    " localhost or a reserved name, and all refuse a clock that is wrong."
)
_GONE = (
    "The browser is no longer subscribed, and its subscription here is deleted. Nothing to do: it subscribes"
    " again when its user opens the client."
)
_TOO_LARGE = (
    "The push service refuses even the title alone as too large. This is a bug of the backend: report it."
)
_TOO_MANY = (
    "Too many messages for the push service; it is tried again. If it stays, look for a user with many tasks."
)
_BUSY = "The push service has a failure of its own; it is tried again until the delivery expires."
_FORM = (
    "The push service refuses the form of the message, also without the optional headers. The error says why."
    " This is a bug of the backend: report it."
)
_REFUSED = "The push service refuses this message and it is not tried again. The error says why."
_DROPPED_IT = (
    "The push service took the message and dropped it; it is tried again until the delivery expires."
)
_UNREACHED = (
    "There was no answer; it is tried again until the delivery expires. If there are many, look at the"
    " network, DNS and firewall of the workers."
)
_UNDER_WAY = "A worker is sending it now, or ended while it did; then another one sends within a minute."
_SENT = "The push service has it, and brings it to the browser when that is online."

_MAILED = "The mail server has taken the message."

_MEANINGS = {
    400: _FORM,
    401: _OTHER_KEY,
    403: _OTHER_KEY,
    404: _GONE,
    406: _TOO_MANY,
    408: _BUSY,
    410: _GONE,
    413: _TOO_LARGE,
    429: _TOO_MANY,
}
# How the error begins of an endpoint that was not connected to.
NOT_ALLOWED = "The endpoint is not allowed: "
_NOT_ALLOWED_MEANING = (
    "Nothing was sent, and it is not tried again: the endpoint is not one of a public push service."
)
# What Apple says (400) of a subscription that was made with another key.
_APPLE_OTHER_KEY = "VapidPkHashMismatch"


def meaning_of(attempt: DeliveryAttempt) -> str:
    """The meaning of an attempt. Reads its delivery; the errors of other channels are in words already."""
    if attempt.delivery.channel == WEB_PUSH:
        return in_words(attempt.status, attempt.error)
    return attempt.error or (_MAILED if attempt.status else _UNDER_WAY)


def in_words(status: int | None, error: str) -> str:
    """The meaning of one push, by the HTTP status of its answer, or by the error if there was none."""
    if error.startswith(NOT_ALLOWED):
        return _NOT_ALLOWED_MEANING
    if status is None:
        return _UNREACHED if error else _UNDER_WAY
    if 200 <= status < 300:
        return _DROPPED_IT if error else _SENT
    if _APPLE_OTHER_KEY in error:
        return _OTHER_KEY
    return _MEANINGS.get(status, _BUSY if status >= 500 else _REFUSED)


def reason_of(answer: Answer) -> str:
    """Why, in the push service's words: the beginning of the body, and the headers that may say it."""
    found = [f"{name}: {answer.headers[name]}" for name in _REASON_HEADERS if answer.headers.get(name)]
    return "; ".join(filter(None, [answer.text.strip(), *found]))[:_REASON_LENGTH].replace("\0", "")


def was_dropped(headers: Mapping[str, str]) -> bool:
    """Whether a push service that accepted a message says that the browser will not get it."""
    return headers.get("X-WNS-Status", "").strip().lower() in _DROPPED


def service_of(host: str) -> str:
    """The name of a push service for metrics: `other` for unknown hosts, which are user input."""
    known = (name for name, domain in _SERVICES.items() if host == domain or host.endswith(f".{domain}"))
    return next(known, "other")
