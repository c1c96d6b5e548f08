"""Read-only fields in the body of a change, so that a client can send back what it read and changed.

field                                              answer
`version`, not the current one                     412 `stale`, before anything else of the body is checked
unchanged, or in Meta.changes_by_itself            ignored
any other that differs                             400 `read_only`, with the way to change it (Meta.ways)
any, when there is no object yet                   400 `read_only`
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from rest_framework.exceptions import ErrorDetail

from http_app.errors import StaleVersion

ON_CREATE = "This field is read-only; remove it from the request."
# Clients whose times have milliseconds, as JavaScript's, send those of ours without the last three digits.
_PRECISION = timedelta(milliseconds=1)


def read_only_errors(serializer: Any, sent: Mapping[str, Any]) -> dict[str, list[ErrorDetail]]:
    """The errors of these read-only fields of a body, by name.

    Raises StaleVersion (412) if `version` is among them, and not the current one.
    """
    if serializer.instance is None:
        return {name: [ErrorDetail(ON_CREATE, "read_only")] for name in sent}
    version = getattr(serializer.instance, "version", None)
    if version is not None and _is_number(sent.get("version")) and sent["version"] != version:
        raise StaleVersion(version)
    by_itself: Collection[str] = getattr(serializer.Meta, "changes_by_itself", ())
    ways: Mapping[str, str] = getattr(serializer.Meta, "ways", {})
    current = serializer.to_representation(serializer.instance)
    changed = [
        name for name, value in sent.items() if name not in by_itself and not _is_same(value, current[name])
    ]
    detail = "This field is read-only; send the value that you read, or remove it."
    return {name: [ErrorDetail(f"{detail} {ways.get(name, '')}".strip(), "read_only")] for name in changed}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_same(sent: Any, current: Any) -> bool:
    if sent == current:
        return isinstance(sent, bool) == isinstance(current, bool)  # in Python, 1 is True
    if not (isinstance(sent, str) and isinstance(current, str)):
        return False
    try:
        return abs(datetime.fromisoformat(sent.upper()) - datetime.fromisoformat(current)) < _PRECISION
    except (ValueError, TypeError):  # not two times with an offset
        return False
