"""`/r/{token}`: a link of a notification. GET shows a page with a button; POST does what the link is for.

The token in the path allows it, and no one has to be signed in. So there is no CSRF token, the body is not
read, and the answer is readable for any origin: a service worker of another client may use the link.
"""

from math import ceil
from typing import Any

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, MethodNotAllowed, NotFound, Throttled

from http_app.error_answers import error_body
from http_app.errors import unavailable
from http_app.throttling import ByAddress
from notifications_app.action_situations import Situation
from notifications_app.action_texts import LABELS, message_of
from notifications_app.action_tokens import (
    UNDO_OF,
    Action,
    Grant,
    InvalidTokenError,
    name_of,
    read_token,
    token_of,
    url_of,
)
from notifications_app.actions import look, use

_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Accept, Content-Type",
    "Access-Control-Max-Age": "86400",
}


class Links(ByAddress):
    scope = "links"


@csrf_exempt
def follow_link(request: HttpRequest, token: str) -> HttpResponse:
    """The page of the link, or JSON for a client that prefers it (see `_body`)."""
    response = _answer(request, token)
    for name, value in _HEADERS.items():
        response[name] = value
    return response


def _answer(request: HttpRequest, token: str) -> HttpResponse:
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers=_PREFLIGHT)
    try:
        _limit(request)
        found = _found(request, token)
    except APIException as error:
        return _refused(request, error)
    except DatabaseError as error:
        if known := unavailable(error):
            return _refused(request, known)
        raise
    return JsonResponse(_body(found)) if _wants_json(request) else _page(request, found)


def _limit(request: HttpRequest) -> None:
    links = Links()
    if not links.allows(links.address(request)):
        raise Throttled(links.wait())


def _found(request: HttpRequest, token: str) -> Situation:
    try:
        grant = read_token(token)
    except InvalidTokenError as error:
        raise NotFound("This link is incomplete or has expired.") from error
    if request.method in ("GET", "HEAD"):
        return look(grant)
    if request.method != "POST" or grant.action is Action.OPEN:
        raise MethodNotAllowed(str(request.method))
    return use(grant)


def _wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def _body(found: Situation) -> dict[str, Any]:
    """`{action, outcome, changed, message, task_id, title, snoozed_until, undo}`.

    `outcome`: as in Situation. `changed`: whether this request changed the task. `undo`: `{url, expires_at}`
    while it can be undone, by a POST; else null.
    """
    return {
        "action": name_of(found.action),
        "outcome": found.outcome,
        "changed": found.changed,
        "message": message_of(found),
        "task_id": found.grant.task_id,
        "title": found.task and found.task.title,
        "snoozed_until": found.record and found.record.snoozed_until,
        "undo": found.undo and {"url": url_of(found.undo), "expires_at": found.undo.expires_at},
    }


def _page(request: HttpRequest, found: Situation) -> HttpResponse:
    context = {
        "title": found.task.title if found.task else "Reminder",
        "message": message_of(found),
        "buttons": [(label, reverse("link", args=[token_of(grant)])) for label, grant in _buttons(found)],
    }
    return render(request, "notifications_app/action.html", context)


def _buttons(found: Situation) -> list[tuple[str, Grant]]:
    if found.outcome != "ready":
        return [("Undo", found.undo)] if found.undo else []
    if found.is_undo:
        return [("Undo", found.grant)]
    actions = UNDO_OF if found.action is Action.OPEN else [found.action]
    return [(LABELS[action], found.grant.to(action)) for action in actions]


def _refused(request: HttpRequest, error: APIException) -> HttpResponse:
    body = error_body(error)
    if _wants_json(request):
        response: HttpResponse = JsonResponse(body)
    else:
        context = {"title": "This does not work", "message": body["errors"][0]["detail"]}
        response = render(request, "notifications_app/action.html", context)
    response.status_code = error.status_code
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(ceil(wait))
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = "GET, HEAD, POST, OPTIONS"
    return response
