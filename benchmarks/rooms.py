"""How large each room is: files, lines, functions, and private helpers with one caller."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from benchmarks.calls import packages

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Size(NamedTuple):
    """Of a file or a room. Blank lines and comments are lines; methods and inner functions are functions.

    `called_once` counts functions named _like_this that their file names in one place.
    """

    files: int = 0
    lines: int = 0
    functions: int = 0
    called_once: int = 0

    @classmethod
    def together(cls, sizes: Iterable[Self]) -> Self:
        return cls(*map(sum, zip(*sizes, strict=True)))


def sizes(checkout: Path) -> dict[str, Size]:
    """Each room by its name; without migrations."""
    return {room.name: Size.together(_files(room)) for room in packages(checkout)}


def _files(room: Path) -> Iterator[Size]:
    for path in room.rglob("*.py"):
        if "migrations" not in path.parts:
            text = path.read_text()
            nodes = list(ast.walk(ast.parse(text)))
            functions = [node.name for node in nodes if isinstance(node, _Function)]
            yield Size(1, len(text.splitlines()), len(functions), _called_once(functions, nodes))


def _called_once(functions: list[str], nodes: list[ast.AST]) -> int:
    named = Counter(node.id for node in nodes if isinstance(node, ast.Name))
    named.update(node.attr for node in nodes if isinstance(node, ast.Attribute))
    private = (name for name in functions if name.startswith("_") and not name.startswith("__"))
    return sum(named[name] == 1 for name in private)
