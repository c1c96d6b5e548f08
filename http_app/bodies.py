"""The body of a request is read to its end, also where no view asked for it."""

from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError


class WholeBodyMiddleware:
    """Reads what the answer (a 401, a 404) left of the body.

    The server closes a connection with an unread body, without a word in the answer: the caller's next
    request on it fails. A body that is too large (413) is not worth the connection.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if int(request.META.get("CONTENT_LENGTH") or 0) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            with suppress(UnreadablePostError):  # the caller has gone
                request.read()
        return response
