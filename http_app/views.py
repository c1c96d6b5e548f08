"""The base of every view of the API: `ApiView.respond` is the order in which a request is checked."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from rest_framework import status
from rest_framework.exceptions import ErrorDetail, MethodNotAllowed, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.metadata import SimpleMetadata
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Empty, Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from http_app import idempotency
from http_app.answer_bodies import SECRET
from http_app.errors import NoVersion, PreconditionFailed
from http_app.filters import extra_parameters, is_list, refuse_parameters
from http_app.long_requests import LongRequests
from http_app.serializers import unknown_field
from http_app.throttling import set_limit_headers


class ShortMetadata(SimpleMetadata):
    """OPTIONS names the view and its media types. The fields are in the document, GET /api/schema."""

    def determine_actions(self, request: Request, view: APIView) -> dict[str, Any]:
        # DRF's own loads the object as a PUT would: under its lock, outside of a transaction.
        return {}


class ApiView(APIView):
    """The base of every view under /api/, before DRF's generic classes."""

    metadata_class = ShortMetadata
    # For routers. int() accepts more than digits: " 1", "+1", "1_0", digits of every script.
    lookup_value_regex = "[0-9]+"
    # By action (`destroy` ...; without a viewset by method: `get`, `post` ...).
    extra_query_params: Mapping[str, Collection[str]] = {}
    # False where an answer must not be stored for a replay.
    keeps_answers = True
    # True where an answer holds a secret: it is not compressed, and not stored for a replay.
    answers_secrets = False
    # False where a write waits for another server: it has no transaction but its own.
    in_transaction = True
    # True where a POST changes nothing: it needs no transaction, and of an API token only the scope `read`.
    only_reads = False
    # True where a write's answer shows what it has not written: an API token needs the scope `read` too.
    also_reads = False
    # The actions that may write many rows: a user has few of them at once (http_app/long_requests.py).
    long_actions: Collection[str] = ()

    def check_throttles(self, request: Request) -> None:
        """Stop at the first limit that refuses: the request then counts for no other."""
        for throttle in self.get_throttles():
            if not throttle.allow_request(request, self):
                self.throttled(request, throttle.wait())  # type: ignore[arg-type] # 0 and more

    def get_throttles(self) -> list[BaseThrottle]:
        long = [LongRequests()] if getattr(self, "action", None) in self.long_actions else []
        return [*super().get_throttles(), *long]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer a request. A write is one transaction, rolled back when the answer is an error."""
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        if request.method in SAFE_METHODS or self.only_reads or not self.in_transaction:
            return self.respond(self.request)
        try:
            with transaction.atomic():
                response = self.respond(self.request)
                if response.status_code >= 400:
                    transaction.set_rollback(True)
        except DatabaseError as error:  # no connection, or the commit found a deferred constraint broken
            response = self.finalize_response(self.request, self.handle_exception(error), *args, **kwargs)
        return response

    def respond(self, request: Request) -> HttpResponseBase:
        """The answer, an error's included. Of several errors a client gets the first in this order."""
        key = None
        try:
            self.initial(request, *self.args, **self.kwargs)  # DRF: 406, 401, 403, 429
            handler = self._handler(request)  # 405
            if request.query_params and not is_list(self, request):  # those of lists: http_app/filters.py
                refuse_parameters(request, known=extra_parameters(self, request))  # 400
            self._refuse_bad_if_match(request)  # 400, 412
            if idempotency.HEADER in request.headers and self.keeps_answers and not self.answers_secrets:
                key = idempotency.key_of(request)  # 400, 422
            if key and key.status:
                response: HttpResponseBase = idempotency.stored_answer(key)
            else:
                response = handler(request, *self.args, **self.kwargs)
                _refuse_unread_fields(request)  # 400, 413, 415
        except Exception as error:
            response = self.handle_exception(error)
        response = self.finalize_response(request, response, *self.args, **self.kwargs)
        if key and not key.status and response.status_code < 400:
            idempotency.store_answer(key, response)
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The answer with its headers; a 304 when the caller has it already."""
        data = getattr(response, "data", None)
        if response.status_code == status.HTTP_201_CREATED and data and hasattr(self, "retrieve"):
            response.setdefault("Location", f"{request.path}/{data['id']}")  # RFC 9110, 15.3.2
        if isinstance(self, Versioned) and response.status_code < 300 and data and "version" in data:
            response["ETag"] = etag(data["version"])
            if request.method in SAFE_METHODS and _is_known(request, response["ETag"]):
                response = HttpResponseNotModified(headers={"ETag": response["ETag"]})
        # Answers are one user's, and some are secrets: caches revalidate reads and store no writes.
        response["Cache-Control"] = "private, no-cache" if request.method in SAFE_METHODS else "no-store"
        set_limit_headers(request, response)
        setattr(response, SECRET, self.answers_secrets)
        return super().finalize_response(request, response, *args, **kwargs)

    def _handler(self, request: Request) -> Callable[..., Response]:
        method = str(request.method).lower()
        if method not in self.http_method_names or not hasattr(self, method):
            raise MethodNotAllowed(str(request.method))
        handler: Callable[..., Response] = getattr(self, method)
        return handler

    def _refuse_bad_if_match(self, request: Request) -> None:
        """Without a version the writer would rely on a protection that is not there.

        With a version: `Versioned.get_object`.
        """
        wanted = request.headers.get("If-Match", "*").strip()
        if request.method in SAFE_METHODS or wanted == "*":
            return
        if not (isinstance(self, Versioned) and self.kwargs):
            raise NoVersion
        if not _ENTITY_TAGS.fullmatch(wanted):
            detail = 'Write the version in quotes, such as If-Match: "3".'
            raise ValidationError({"If-Match": [ErrorDetail(detail, "invalid")]})


class OwnedByUser(GenericAPIView[Any]):
    """Only what belongs to the caller: another user's object is a 404."""

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(user=self.request.user.pk)


class Versioned(GenericAPIView[Any]):
    """For objects that have a `version`, which is their ETag. Writes must load the object under its lock.

    Conditional requests (RFC 9110, 13): If-Match on writes, If-None-Match on reads.
    """

    def load_object(self) -> Any:
        """The object of the URL; raises NotFound (404)."""
        return super().get_object()

    def get_object(self) -> Any:
        found = self.load_object()
        wanted = self.request.headers.get("If-Match", "*").strip()
        if self.request.method in SAFE_METHODS or wanted == "*":
            return found
        # Weak tags match too, although RFC 9110, 13.1.1 compares strong ones only: a compressed answer has a
        # weak one, and a version is exact in both.
        if etag(found.version) not in map(_strong, parse_etags(wanted)):
            raise PreconditionFailed(found.version)
        return found


# A list of entity tags (RFC 9110, 13.1.1).
_ENTITY_TAGS = re.compile(r'(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*')


def etag(version: int) -> str:
    """The entity tag of a version: strong, in quotes."""
    return f'"{version}"'


def _strong(tag: str) -> str:
    return tag.removeprefix("W/")


def _is_known(request: Request, tag: str) -> bool:
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or tag in map(_strong, known)


def _refuse_unread_fields(request: Request) -> None:
    """A body that the handler did not read would be dropped silently; `{}` is as good as none."""
    if request.method in SAFE_METHODS or request._full_data is not Empty:  # type: ignore[attr-defined]
        return
    if fields := request.data:
        raise ValidationError({name: [unknown_field([])] for name in fields})
