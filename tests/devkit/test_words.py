"""The word list of `./todo lint`, on samples that it must and must not find."""

import pytest

from devkit.words import findings


def test_a_document_is_read_line_by_line() -> None:
    assert findings("docs/events.md", "A page.\n\nThe lock\nand the owner thereof.\n") == [
        'docs/events.md:4: "thereof": write of it'
    ]


def test_a_phrase_is_found_across_lines_and_in_any_case() -> None:
    assert findings("README.md", "In\nvain") == ['README.md:1: "in vain": write without success']
    comment = "x = 1\n# asked in\n# vain\n"
    assert findings("a.py", comment) == ['a.py:2: "in vain": write without success']


@pytest.mark.parametrize(
    "text",
    [
        'def f():\n    """What is kept\n    hitherto."""\n',
        "x = 1\n\ny = x  # as hitherto\n",
        'x = 1\n\nraise ValueError(f"as {x} hitherto")\n',
    ],
)
def test_docstrings_comments_and_messages_are_read(text: str) -> None:
    assert findings("a.py", text) == ['a.py:3: "hitherto": write until now']


def test_names_of_code_are_not_read() -> None:
    assert findings("a.py", "thereof = hitherto(lest=1)  # as `lest` says\n") == []
    assert findings("a.md", "The column `thereof`, hitherto_unknown, everywhere else.\n") == []
