"""Requests of the admin: an operator causes their events, and their pages have a Content-Security-Policy.

Without a request it is the system that causes an event (events_app/outbox.py).
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from events_app.outbox import acting_as

# Even if markup of a user got into a page, no script of it would run: Django's admin has its scripts and
# styles in files, and needs nothing else.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)


class AdminMiddleware:
    """What is changed in the admin is an operator's doing, every other request its user's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_admin = request.path.startswith("/admin/")
        with acting_as("operator" if is_admin else "user"):
            response = self.get_response(request)
        if is_admin:
            response["Content-Security-Policy"] = POLICY
        return response
