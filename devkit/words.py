"""Words that make this project's English hard to read, and what to write instead.

`./todo lint` looks for them in documents, docstrings, comments and strings; names of code are not checked.
A phrase is found across the end of a line. To add one, add it to INSTEAD and fix what lint reports.
"""

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

INSTEAD = {
    "anew": "again",
    "anybody": "anyone",
    "as ever": "as usual",
    "at first sight": "the first time",
    "beforehand": "before, first",
    "by and by": "later, or after some attempts",
    "by now": "now",
    "everybody": "everyone, all users",
    "for ever": "forever",
    "heed": "follow",
    "heeded": "followed",
    "heeds": "follows",
    "hence": "so, because of this",
    "herein": "here",
    "hitherto": "until now",
    "in vain": "without success",
    "lest": "so that ... not",
    "nobody": "no one, no user",
    "nought": "nothing, 0",
    "reckon": "compute, estimate",
    "reckoned": "computed, estimated",
    "reckons": "computes, estimates",
    "somebody": "someone, another user",
    "tells": "says, reports, records",
    "thereby": "by this",
    "thereof": "of it",
    "told": "reported, recorded, notified",
    "whence": "from where, the origin",
    "whoever": "anyone, if someone",
    "whom": "which user",
}
# They have the words as data.
EXEMPT = {"devkit/words.py", "tests/devkit/test_words.py"}

_TEXT_TOKENS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def findings(name: str, text: str) -> list[str]:
    """`file:line: "word": write ...` for each word of INSTEAD in this document or Python file."""
    parts = _parts_of_python(text) if name.endswith(".py") else iter([(1, text)])
    return [finding for line, part in parts for finding in _findings(name, line, part)]


def main() -> int:
    listed = subprocess.run(["git", "ls-files", "*.md", "*.py"], capture_output=True, text=True, check=True)  # noqa: S607
    names = [name for name in listed.stdout.splitlines() if name not in EXEMPT and Path(name).exists()]
    found = [finding for name in names for finding in findings(name, Path(name).read_text())]
    sys.stdout.writelines(f"{finding}\n" for finding in found)
    return 1 if found else 0


def _findings(name: str, first_line: int, text: str) -> Iterator[str]:
    for match in _PATTERN.finditer(text):
        word = " ".join(match[0].lower().replace("#", " ").split())
        line = first_line + text.count("\n", 0, match.start())
        yield f'{name}:{line}: "{word}": write {INSTEAD[word]}'


def _parts_of_python(text: str) -> Iterator[tuple[int, str]]:
    """Comments and strings, each with its line; comment lines that follow each other are one part."""
    parts: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _TEXT_TOKENS:
            continue
        line, part = token.start[0], token.string
        if parts and part.startswith("#") and parts[-1][1].startswith("#") and _ends_before(parts[-1], line):
            parts[-1] = (parts[-1][0], f"{parts[-1][1]}\n{part}")
        else:
            parts.append((line, part))
    return iter(parts)


def _ends_before(part: tuple[int, str], line: int) -> bool:
    return part[0] + part[1].count("\n") + 1 == line


def _pattern() -> re.Pattern[str]:
    phrases = (r"[\s#]+".join(map(re.escape, phrase.split())) for phrase in sorted(INSTEAD, reverse=True))
    return re.compile(rf"(?<![\w`-])(?:{'|'.join(phrases)})(?![\w`@-])", re.IGNORECASE)


_PATTERN = _pattern()

if __name__ == "__main__":
    sys.exit(main())
