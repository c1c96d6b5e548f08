"""What a Dapr sidecar calls: its subscriptions, the messages of each topic, and the cron binding.

All of it needs APP_API_TOKEN (header `dapr-api-token`), and is a 404 while that is not set.
Source: Dapr 1.18, pub/sub and bindings API reference; docs/dapr.md.
"""

from collections.abc import Callable
from functools import wraps

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from events_app.catalogue import DEAD_LETTERS
from events_app.delivered import DeliveryStatus, deliver, wanted_topics
from todo_project.bearer import has_sidecar_token
from todo_project.internal import scan_now

log = structlog.get_logger(__name__)

View = Callable[..., HttpResponse]


def for_the_sidecar(*methods: str) -> Callable[[View], View]:
    """A view that only a sidecar may call, by these methods."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def guarded(request: HttpRequest, **arguments: str) -> HttpResponse:
            if not settings.APP_API_TOKEN:
                raise Http404
            if not has_sidecar_token(request, settings.APP_API_TOKEN):
                return HttpResponse("The header dapr-api-token is needed.\n", "text/plain", 401)
            return allowed(request, **arguments)

        allowed = require_http_methods(methods)(view)
        return guarded

    return decorate


@for_the_sidecar("GET")
def subscribe(_request: HttpRequest) -> HttpResponse:
    """`/dapr/subscribe`: the topics that some group reads. None unless DAPR has `subscribe`.

    There is no `rawPayload`: our events are CloudEvents already, and must arrive as they are.
    """
    topics = wanted_topics() if "subscribe" in settings.DAPR else []
    return JsonResponse([_subscription(topic) for topic in topics], safe=False)


@for_the_sidecar("POST")
def take_message(request: HttpRequest, *, topic: str) -> HttpResponse:
    """`/dapr/events/{topic}`: one message, a CloudEvent in structured mode, or what others published.

    The answer is 200 with `{status: SUCCESS | RETRY | DROP}`. A 404 would lose the message.
    """
    try:
        outcome = deliver(topic, request.body)
    except (OperationalError, InterfaceError) as error:
        log.warning("delivery_put_off", topic=topic, error=str(error))
        connection.close()
        outcome = DeliveryStatus.RETRY
    return JsonResponse({"status": outcome})


@for_the_sidecar("OPTIONS", "POST")
def reminder_cron(request: HttpRequest) -> HttpResponse:
    """`/reminder-cron`: scan for due reminders: `{claimed: how many}`. Each replica's sidecar calls it.

    OPTIONS asks whether the app wants the binding.
    """
    if request.method == "OPTIONS":
        return HttpResponse(headers={"Allow": "OPTIONS, POST"})
    return JsonResponse({"claimed": scan_now()})


def _subscription(topic: str) -> dict[str, object]:
    return {
        "pubsubname": settings.DAPR_PUBSUB,
        "topic": topic,
        "routes": {"default": reverse("dapr-events", kwargs={"topic": topic})},
        "deadLetterTopic": f"{topic}{DEAD_LETTERS}",
    }
