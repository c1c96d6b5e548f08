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


def refuse_stale_version(serializer: Any, data: Mapping[str, Any]) -> None:
    """Raises StaleVersion (412) if the body names another version of the object than the current one."""
    version = getattr(serializer.instance, "version", None)
    sent = data.get("version", version)
    if version is not None and _is_number(sent) and sent != version:
        raise StaleVersion(version)


def read_only_errors(serializer: Any, data: Mapping[str, Any]) -> dict[str, list[ErrorDetail]]:
    """The error of each read-only field in this body, by name."""
    names = [name for name in data if name in serializer.fields and serializer.fields[name].read_only]
    if not names or serializer.instance is None:
        return {name: [ErrorDetail(ON_CREATE, "read_only")] for name in names}
    by_itself: Collection[str] = getattr(serializer.Meta, "changes_by_itself", ())
    ways: Mapping[str, str] = getattr(serializer.Meta, "ways", {})
    current = serializer.to_representation(serializer.instance)
    changed = [name for name in names if name not in by_itself and not _is_same(data[name], current[name])]
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
