"""The body of an answer on the wire: compressed if the client asks for it, and no length where there is none.

Source: RFC 9110, 8.6 (no Content-Length with a 204), 8.8.3.3 (a compressed answer is another representation,
so its entity tag is weak) and 12.5.5 (Vary). Answers that carry a secret stay as they are, since the length
of a compressed answer can give away a secret beside text of an attacker (BREACH).
"""

import re
from http import HTTPStatus

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers

from http_app.error_answers import API_PREFIX

# A response with this attribute is never compressed.
SECRET = "carries_secret"  # noqa: S105 - the name of an attribute
WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_REFUSES_GZIP = re.compile(r"\bgzip\s*;\s*q=0(\.0*)?\s*(,|$)")


class AnswerBodyMiddleware(GZipMiddleware):
    """Compresses answers of the API. Comes before all middlewares that read answers or their length."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not request.path.startswith(API_PREFIX):
            return response
        if response.status_code in WITHOUT_BODY:
            del response.headers["Content-Length"]
        if getattr(response, SECRET, False):
            return response
        patch_vary_headers(response, ["Accept-Encoding"])
        if not _wants_gzip(request):
            return response
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            # A cache would not find its compressed copy by a strong tag (RFC 9111, 4.3.4).
            response.headers["ETag"] = f"W/{response.headers['ETag']}"
        answer: HttpResponseBase = super().process_response(request, response)
        return answer


def _wants_gzip(request: HttpRequest) -> bool:
    accepted = request.headers.get("Accept-Encoding", "").lower()
    return "gzip" in accepted and not _REFUSES_GZIP.search(accepted)
