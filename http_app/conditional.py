"""Conditional requests (RFC 9110, 13): `ETag` is the version; If-Match on writes, If-None-Match on reads."""

from typing import Any

from django.http import HttpResponseNotModified
from django.utils.http import parse_etags
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView


class PreconditionFailed(APIException):
    """412: the object is at another version than the writer believes."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "stale"

    def __init__(self, version: int) -> None:
        super().__init__(
            f'It is at version "{version}" by now; read it, then send If-Match with that version.'
        )


class NoVersion(APIException):
    """412: If-Match names a version, and there is none to hold it against."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "no_version"
    default_detail = "Nothing here has a version that If-Match could name: leave the header out."


class Conditional(APIView):
    """Refuses If-Match where nothing has a version: the writer would trust in a protection that is none."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        writes = request.method not in SAFE_METHODS
        has_version = isinstance(self, Versioned) and bool(kwargs)
        if writes and not has_version and request.headers.get("If-Match", "*").strip() != "*":
            raise NoVersion


class Versioned(GenericAPIView[Any]):
    """For views of objects that answer their `version`. Writes must load the object under its lock."""

    def get_object(self) -> Any:
        thing = super().get_object()
        wanted = parse_etags(self.request.headers.get("If-Match", "*"))
        if self.request.method not in SAFE_METHODS and not {"*", etag(thing.version)} & set(wanted):
            raise PreconditionFailed(thing.version)
        return thing

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        data = getattr(response, "data", None)
        if response.status_code < 300 and isinstance(data, dict) and "version" in data:
            response["ETag"] = etag(data["version"])
            if request.method in SAFE_METHODS and _is_known(request, response["ETag"]):
                response = HttpResponseNotModified(headers={"ETag": response["ETag"]})
        return super().finalize_response(request, response, *args, **kwargs)


def etag(version: int) -> str:
    """The entity tag of a version: strong, in quotes."""
    return f'"{version}"'


def _is_known(request: Request, tag: str) -> bool:
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or tag in {name.removeprefix("W/") for name in known}
