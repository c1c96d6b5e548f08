"""Reads what no view read of a request's body, so that the connection can be used again."""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError

# A client that is still sending does not read the answer (a 413): if the server closed the connection, it
# would see a broken pipe. More than this, or slower, is not worth a thread.
MOST_READ_BYTES = 64 * 1024 * 1024
LONGEST_SECONDS = 5.0
_CHUNK = 64 * 1024


class DrainRequestBodyMiddleware:
    """Reads and discards what the answer (a 401, a 404, a 413) left of the body.

    The server closes a connection with an unread body, and the answer does not say so: the client's next
    request on it fails.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if int(request.META.get("CONTENT_LENGTH") or 0) <= MOST_READ_BYTES:
            with suppress(UnreadablePostError):  # the client has gone
                deadline = monotonic() + LONGEST_SECONDS
                while request.read(_CHUNK) and monotonic() < deadline:
                    pass
        return response
