"""The body of a request is read to its end, also where no view asked for it."""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError

# A caller who is still sending does not read the answer (a 413): the server would close the connection under
# it, and it would learn of a broken pipe. What is more than this, or comes too slowly, is not worth a thread.
MOST_READ_BYTES = 64 * 1024 * 1024
LONGEST_SECONDS = 5.0
_CHUNK = 64 * 1024


class WholeBodyMiddleware:
    """Reads what the answer (a 401, a 404, a 413) left of the body, and forgets it.

    The server closes a connection with an unread body, without a word in the answer: the caller's next
    request on it fails.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if int(request.META.get("CONTENT_LENGTH") or 0) <= MOST_READ_BYTES:
            with suppress(UnreadablePostError):  # the caller has gone
                _read_away(request)
        return response


def _read_away(request: HttpRequest) -> None:
    deadline = monotonic() + LONGEST_SECONDS
    while request.read(_CHUNK) and monotonic() < deadline:
        pass
