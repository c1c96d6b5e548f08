"""`/u/{token}`: the link in a mail that stops reminders by email. GET shows a button; POST stops them.

A mail program posts a form to it by itself when its user unsubscribes (RFC 8058).
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.exceptions import MethodNotAllowed, NotFound

from accounts_app.models import User
from notifications_app.link_pages import link_page, page, wants_json
from notifications_app.unsubscribing import InvalidUnsubscribeTokenError, unsubscribe, user_of

_TITLE = "Reminders by email"


@link_page
def follow_unsubscribe_link(request: HttpRequest, token: str) -> HttpResponse:
    """The page of the link, or `{email, unsubscribed}` for a client that prefers JSON."""
    user = _user(token)
    if request.method == "POST":
        unsubscribe(user)
    elif request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(str(request.method))
    is_done = user.email_stopped is not None
    if wants_json(request):
        return JsonResponse({"email": user.email, "unsubscribed": is_done})
    if is_done:
        return page(request, title=_TITLE, message=f"No reminders are sent to {user.email} any more.")
    message = f"Reminders are sent to {user.email}."
    return page(request, title=_TITLE, message=message, buttons=[("Stop these emails", request.path)])


def _user(token: str) -> User:
    try:
        return user_of(token)
    except InvalidUnsubscribeTokenError as error:
        raise NotFound("This link is incomplete, or its address has changed.") from error
