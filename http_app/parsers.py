from collections.abc import Mapping
from io import BytesIO
from json import dumps
from typing import IO, Any

from rest_framework.exceptions import ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import JSONParser


class StrictJSONParser(JSONParser):
    """A JSON object of whole characters; a list, a bare value, bottomless nesting are a 400."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        body = stream.read()
        try:
            data = super().parse(BytesIO(body), media_type, parser_context)
            if not isinstance(data, dict):
                raise ParseError("The body must be a JSON object.")
            if b"\\ud" in body.lower():
                _refuse_half_characters(data)
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None
        return data


def _refuse_half_characters(data: dict[str, Any]) -> None:
    """JSON can escape half of a surrogate pair, which neither PostgreSQL nor our own answers can hold."""
    detail = "This holds half of a character (such as \\ud83d without its second half)."
    wrong = {
        name.encode("ascii", "backslashreplace").decode(): [ErrorDetail(detail, "half_character")]
        for name, value in data.items()
        if not _is_text(dumps([name, value], ensure_ascii=False))
    }
    if wrong:
        raise ValidationError(wrong)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
