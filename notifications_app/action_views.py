"""`/r/{token}`: a link of a notification. GET shows a page with a button; POST does what the link is for."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from rest_framework.exceptions import MethodNotAllowed, NotFound

from notifications_app.action_situations import Situation
from notifications_app.action_texts import LABELS, message_of
from notifications_app.action_tokens import (
    UNDO_OF,
    Action,
    Grant,
    InvalidActionTokenError,
    name_of,
    read_token,
    token_of,
    url_of,
)
from notifications_app.actions import look, use
from notifications_app.link_pages import Button, link_page, page, wants_json


@link_page
def follow_link(request: HttpRequest, token: str) -> HttpResponse:
    """The page of the link, or JSON for a client that prefers it (see `_body`)."""
    found = _found(request, token)
    if wants_json(request):
        return JsonResponse(_body(found))
    title = found.task.title if found.task else "Reminder"
    return page(request, title=title, message=message_of(found), buttons=_buttons(found))


def _found(request: HttpRequest, token: str) -> Situation:
    try:
        grant = read_token(token)
    except InvalidActionTokenError as error:
        raise NotFound("This link is incomplete or has expired.") from error
    if request.method in ("GET", "HEAD"):
        return look(grant)
    if request.method != "POST" or grant.action is Action.OPEN:
        raise MethodNotAllowed(str(request.method))
    return use(grant)


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


def _buttons(found: Situation) -> list[Button]:
    return [(label, reverse("link", args=[token_of(grant)])) for label, grant in _grants(found)]


def _grants(found: Situation) -> list[tuple[str, Grant]]:
    if found.outcome != "ready":
        return [("Undo", found.undo)] if found.undo else []
    if found.is_undo:
        return [("Undo", found.grant)]
    actions = UNDO_OF if found.action is Action.OPEN else [found.action]
    return [(LABELS[action], found.grant.to(action)) for action in actions]
