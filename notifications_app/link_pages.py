"""What the pages behind a signed link have in common: `/r/{token}` and `/u/{token}`.

The token in the path allows it, and no one has to be signed in. So there is no CSRF token, the body is not
read, and the answer is readable for any origin: a service worker of another client may use the link.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from math import ceil

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, MethodNotAllowed, Throttled

from http_app.error_answers import error_body
from http_app.errors import unavailable
from http_app.throttling import ByAddress

LinkView = Callable[[HttpRequest, str], HttpResponse]
# What it says, and the path to which it posts.
Button = tuple[str, str]

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


def link_page(view: LinkView) -> LinkView:
    """The view of a link. What it raises (404, 405 and the like) becomes a page, or JSON."""

    @csrf_exempt
    @wraps(view)
    def answer(request: HttpRequest, token: str) -> HttpResponse:
        response = _answer(view, request, token)
        for name, value in _HEADERS.items():
            response[name] = value
        return response

    return answer


def wants_json(request: HttpRequest) -> bool:
    """Whether the client prefers JSON to a page."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def page(
    request: HttpRequest, *, title: str, message: str = "", buttons: Sequence[Button] = ()
) -> HttpResponse:
    """A page with a button for each thing that can be done."""
    context = {"title": title, "message": message, "buttons": buttons}
    return render(request, "notifications_app/action.html", context)


def _answer(view: LinkView, request: HttpRequest, token: str) -> HttpResponse:
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers=_PREFLIGHT)
    try:
        _limit(request)
        return view(request, token)
    except APIException as error:
        return _refused(request, error)
    except DatabaseError as error:
        if known := unavailable(error):
            return _refused(request, known)
        raise


def _limit(request: HttpRequest) -> None:
    links = Links()
    if not links.allows(links.address(request)):
        raise Throttled(links.wait())


def _refused(request: HttpRequest, error: APIException) -> HttpResponse:
    body = error_body(error)
    if wants_json(request):
        response: HttpResponse = JsonResponse(body)
    else:
        response = page(request, title="This does not work", message=body["errors"][0]["detail"])
    response.status_code = error.status_code
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(ceil(wait))
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = "GET, HEAD, POST, OPTIONS"
    return response
