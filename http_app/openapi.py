"""What the OpenAPI document says of every operation: beside its own parameters, the headers we heed."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from drf_standardized_errors.openapi import AutoSchema
from rest_framework.permissions import SAFE_METHODS, AllowAny

from http_app import idempotency
from http_app.conditional import Versioned

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


def _is_open(view: Any) -> bool:
    permissions = view.get_permissions()
    return not permissions or any(isinstance(permission, AllowAny) for permission in permissions)
