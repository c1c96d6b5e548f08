"""The error codes that docs/errors.md documents, and those that the code raises."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]
ROOMS = (
    "recurrence",
    "http_app",
    "accounts_app",
    "tasks_app",
    "recurring_app",
    "notifications_app",
    "sync_app",
    "chat_app",
)
# The position of the code among the arguments, for calls that do not name it.
_PLACES = {"RuleError": 0, "ErrorDetail": 1, "ValidationError": 1, "Conflict": 1, "NotAuthenticated": 1}


def documented() -> set[str]:
    """Every code in a table of docs/errors.md."""
    rows = re.findall(r"^\|(.*)\|", (HOUSE / "docs" / "errors.md").read_text(), re.MULTILINE)
    cells = [cell for row in rows for cell in row.split("|")[:-1]]
    return {code for cell in cells for code in re.findall(r"`([a-z_]+)`", cell)}


@cache
def raised() -> dict[str, str]:
    """Every code that our own rooms raise, with a file that does."""
    files = [path for room in ROOMS for path in (HOUSE / room).rglob("*.py")]
    of_the_api = [path for path in files if "migrations" not in path.parts and "admin" not in path.name]
    return {code: path.name for path in of_the_api for code in _codes(ast.parse(path.read_text()))}


def _codes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for value in _values(node):
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def _values(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
        place = _PLACES.get(getattr(node.func, "id", getattr(node.func, "attr", "")))
        if place is not None:
            yield from node.args[place : place + 1]
    elif isinstance(node, ast.Assign):
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if "default_code" in names:
            yield node.value
