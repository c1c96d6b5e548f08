from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request


class KeptSchemaGenerator(SchemaGenerator):
    """Makes the document once for all who ask: that takes a second, and only a release changes it."""

    def get_schema(self, request: Request | None = None, public: bool = False) -> dict[str, Any]:
        return _document()


@cache
def _document() -> dict[str, Any]:
    generator: Any = SchemaGenerator
    document: dict[str, Any] = generator().get_schema(request=None, public=True)
    return document
