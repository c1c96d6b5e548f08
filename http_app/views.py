"""What every view of ours is mixed with."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, MethodNotAllowed, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.metadata import SimpleMetadata
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Empty, Request
from rest_framework.response import Response
from rest_framework.views import APIView

from http_app.conditional import Conditional
from http_app.errors import LengthRequired
from http_app.filters import extra_parameters, is_list, refuse_parameters
from http_app.idempotency import Idempotent


class AtomicWrites(APIView):
    """Each unsafe request is one transaction, taken back when the answer is an error."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in SAFE_METHODS:
            return super().dispatch(request, *args, **kwargs)
        try:
            with transaction.atomic():
                response = super().dispatch(request, *args, **kwargs)
                if response.status_code >= 400:
                    transaction.set_rollback(True)
        except DatabaseError as error:  # the commit checks the deferred constraints
            if not hasattr(self, "headers"):  # before DRF began: handler500 answers
                raise
            response = self.finalize_response(self.request, self.handle_exception(error), *args, **kwargs)
        return response


class StrictParameters(APIView):
    """Refuses query parameters that would do nothing, by name.

    Lists are the filter backend's (http_app/filters.py), which knows the filterset and the pages. Elsewhere
    only `extra_query_params` are known: a mapping of the action (`destroy` ...; without viewset the method:
    `get`, `post` ...) to names.
    """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not is_list(self, request):
            refuse_parameters(request, known=extra_parameters(self, request))


class WholeBodies(APIView):
    """Refuses a body of untold length (chunked): WSGI takes it for none, so a PATCH would change nothing."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequired
        super().initial(request, *args, **kwargs)


class NoUnreadBodies(APIView):
    """Refuses a body where none is taken: what it says would be dropped without a word. `{}` says nothing."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        done = isinstance(response, Response) and response.status_code < 400
        if done and request.method not in SAFE_METHODS and request._full_data is Empty:  # type: ignore[attr-defined]
            try:
                _refuse_fields(request)
            except (APIException, RequestDataTooBig) as error:
                response = self.handle_exception(error)
        return super().finalize_response(request, response, *args, **kwargs)


class KnownMethods(APIView):
    """A method that is not there is a 405, before anything but the sign-in is looked at."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = str(request.method).lower()
        if method not in self.http_method_names or not hasattr(self, method):
            raise MethodNotAllowed(str(request.method))


class Located(APIView):
    """Says where to read what was made, if it can be read one by one (RFC 9110, 15.3.2)."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        # An answer that is replayed has brought its own.
        new = isinstance(response, Response) and response.status_code == status.HTTP_201_CREATED
        if new and hasattr(self, "retrieve"):
            response["Location"] = f"{request.path}/{response.data['id']}"
        return super().finalize_response(request, response, *args, **kwargs)


class NotForCaches(APIView):
    """Answers are one person's, some are secrets: a cache asks again (ETag), and keeps none to a write."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response["Cache-Control"] = "private, no-cache" if request.method in SAFE_METHODS else "no-store"
        return super().finalize_response(request, response, *args, **kwargs)


class ShortMetadata(SimpleMetadata):
    """OPTIONS names the view and what it speaks. The fields are told by the document, GET /api/schema."""

    def determine_actions(self, request: Request, view: APIView) -> dict[str, Any]:
        # Not DRF's own, which loads the object as a PUT would: under its lock, outside of a transaction.
        return {}


class ApiView(
    WholeBodies,
    StrictParameters,
    AtomicWrites,
    Idempotent,
    Conditional,
    KnownMethods,
    NoUnreadBodies,
    Located,
    NotForCaches,
):
    """The base of every view under /api/, before DRF's generic classes."""

    metadata_class = ShortMetadata
    # For routers. int() takes more for a number: " 1", "+1", "1_0", digits of every script.
    lookup_value_regex = "[0-9]+"


class OwnedByUser(GenericAPIView[Any]):
    """Only what belongs to the one who asks: another's object is a 404."""

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(user=self.request.user.pk)


def _refuse_fields(request: Request) -> None:
    """Raise ValidationError (400) naming each field of the body; what the parser raises when it is none."""
    detail = ErrorDetail("There is no such field. None is known here.", "unknown_field")
    if wrong := {name: [detail] for name in request.data}:
        raise ValidationError(wrong)
