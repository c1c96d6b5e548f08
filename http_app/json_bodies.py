"""JSON in and out.

In: an object (RFC 8259) that every parser reads the same way. Python's own parser accepts more: the last of
two equal names wins, 1e400 is infinity. Out: the bytes of REST framework's own renderer, by orjson, in a
tenth of the time. They are the same as long as no answer has a float: orjson writes some of those differently
(1e-7), and NaN as null.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from json import JSONDecodeError, JSONDecoder, dumps
from math import isfinite
from typing import IO, Any, NoReturn

import orjson
from django.utils.http import parse_header_parameters
from rest_framework import renderers
from rest_framework.exceptions import ErrorDetail, ParseError, UnsupportedMediaType, ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.utils.encoders import JSONEncoder

# orjson leaves to the default what REST framework has a form of its own for.
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_default = JSONEncoder().default
# Line ends in JavaScript, but not in JSON.
_SEPARATORS = {"\u2028".encode(): rb"\u2028", "\u2029".encode(): rb"\u2029"}


class StrictJSONParser(JSONParser):
    """A JSON object in UTF-8: whole characters, each name once, only finite numbers.

    Raises ParseError (400); UnsupportedMediaType (415) for another charset; ValidationError (400), by the
    name of the outermost field, for half of a surrogate pair. For a JSONParser DRF reads the body as Django
    does, up to DATA_UPLOAD_MAX_MEMORY_SIZE.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        _refuse_other_charsets(media_type or self.media_type)
        if parser_context and "Content-Encoding" in parser_context["request"].headers:
            raise UnsupportedMediaType("", "Send the body uncompressed, without Content-Encoding.")
        body = stream.read()
        try:
            data = _parsed(body)
            if not isinstance(data, dict):
                raise ParseError("The body must be a JSON object.")
            if b"\\ud" in body.lower():
                view = (parser_context or {}).get("view")
                _refuse_half_characters(data, getattr(view, "codes_of_half_characters", {}))
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None
        return data


class JSONRenderer(renderers.JSONRenderer):
    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """`data` as JSON in UTF-8; b"" for None (204)."""
        if data is not None and self.get_indent(accepted_media_type or "", renderer_context or {}) is None:
            with suppress(orjson.JSONEncodeError):  # a number of more than 64 bits, a key that is not text
                text = orjson.dumps(data, default=_default, option=_OPTIONS)
                for separator, escaped in _SEPARATORS.items():
                    text = text.replace(separator, escaped)
                return text
        return bytes(super().render(data, accepted_media_type, renderer_context))


def _refuse_other_charsets(media_type: str) -> None:
    charset = parse_header_parameters(media_type)[1].get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(media_type, "JSON must be UTF-8. Remove the charset from Content-Type.")


def _parsed(body: bytes) -> Any:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not valid UTF-8 at byte {error.start}.") from None
    try:
        return _decoder.decode(text)
    except JSONDecodeError as error:
        raise ParseError(f"The body is not valid JSON: {error}.") from None
    except ValueError:  # an integer of more than 4,300 digits
        raise ParseError("The body contains a number that is too large.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises ParseError for a name that is there twice: it is unknown which of the two is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _times),) = Counter(name for name, _value in pairs).most_common(1)
        raise ParseError(f"The body contains {dumps(twice)} more than once in the same object.")
    return found


def _number(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _refuse_number(text)


def _refuse_number(text: str) -> NoReturn:
    raise ParseError(f"The body contains {text[:20]}, which cannot be stored as a number.")


_decoder = JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_refuse_number)


def _refuse_half_characters(data: dict[str, Any], codes: Mapping[str, str]) -> None:
    """JSON can escape half of a surrogate pair, which neither PostgreSQL nor UTF-8 can store.

    `codes` are the error codes of fields that have one of their own for it, however deep inside they are.
    """
    detail = "This contains half of a surrogate pair (such as \\ud83d without its second half)."
    wrong = {
        name.encode("ascii", "backslashreplace").decode(): [
            ErrorDetail(detail, codes.get(inner, "half_character"))
        ]
        for name, value in data.items()
        if (inner := next(_with_half_characters(name, value), None)) is not None
    }
    if wrong:
        raise ValidationError(wrong)


def _with_half_characters(name: str, value: Any) -> Iterator[str]:
    """The innermost names of fields whose name or text contains half of a surrogate pair."""
    if not _is_text(name) or (isinstance(value, str) and not _is_text(value)):
        yield name
    inner = value.items() if isinstance(value, dict) else ()
    items = ((name, item) for item in value) if isinstance(value, list) else ()
    for pair in chain(inner, items):
        yield from _with_half_characters(*pair)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
