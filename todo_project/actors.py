"""Who causes the events of a request. Without a request it is the system (events_app/outbox.py)."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from events_app.outbox import acting_as


class ActorMiddleware:
    """What is changed in the admin is an operator's doing, every other request its user's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting_as("operator" if request.path.startswith("/admin/") else "user"):
            return self.get_response(request)
