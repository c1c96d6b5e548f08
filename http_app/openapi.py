"""What the OpenAPI document says of every operation: beside its own parameters, the headers we heed."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from drf_standardized_errors.openapi import AutoSchema
from rest_framework.permissions import SAFE_METHODS, AllowAny

from http_app import idempotency
from http_app.conditional import Versioned
from http_app.errors import ErrorSerializer

IDEMPOTENCY_KEY = OpenApiParameter(
    idempotency.HEADER,
    str,
    OpenApiParameter.HEADER,
    description=(
        "A UUID, or any text of yours: sent again within 24 hours, the same request gets the same answer"
        " (with `Idempotent-Replayed: true`) and has no second effect. Another request with it is a 422."
    ),
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag you believe is current; when it is not, a 412 and nothing is changed.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag you have; when it is current, a 304."
)


class Operation(AutoSchema):
    """Names the headers of http_app/idempotency.py and http_app/conditional.py where they are heeded."""

    def get_override_parameters(self) -> list[Any]:
        writes = self.method not in SAFE_METHODS
        headers = [IDEMPOTENCY_KEY] if writes and not _is_open(self.view) else []
        if isinstance(self.view, Versioned) and "{" in self.path:
            headers.append(IF_MATCH if writes else IF_NONE_MATCH)
        return [*super().get_override_parameters(), *headers]

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(*args, **kwargs)
        for code in self._conflicts():
            body = self._get_response_for_code(ErrorSerializer, code)  # type: ignore[no-untyped-call]
            bodies.setdefault(code, body)
        if isinstance(self.view, Versioned) and "{" in self.path and self.method in SAFE_METHODS:
            bodies["304"] = {"description": "What you have is current (If-None-Match)."}
        return dict(sorted(bodies.items()))

    def _conflicts(self) -> list[str]:
        """The codes of a write that cannot be as things are."""
        if self.method in SAFE_METHODS or _is_open(self.view):
            return []
        versioned = isinstance(self.view, Versioned) and "{" in self.path
        return ["409", *(["412"] if versioned else []), "413", "422"]


def _is_open(view: Any) -> bool:
    permissions = view.get_permissions()
    return not permissions or any(isinstance(permission, AllowAny) for permission in permissions)
