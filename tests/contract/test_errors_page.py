"""The example of docs/errors.md is a real answer."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from accounts_app.models import User

PAGE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
_EXAMPLE = re.compile(
    r"^    (?P<method>[A-Z]+) (?P<path>\S+)\n(?P<body>    \{.*\})\n\n"
    r"    HTTP/1.1 (?P<status>\d+) .*\n(?P<answer>(?:    .*\n)+)",
    re.MULTILINE,
)


@pytest.mark.django_db
def test_the_example_is_what_is_answered(alice: User, client_of: Any) -> None:
    (example,) = _EXAMPLE.finditer(PAGE.read_text())
    answer = client_of(alice).generic(
        example["method"], example["path"], example["body"].strip(), content_type="application/json"
    )
    assert (answer.status_code, answer.json()) == (int(example["status"]), json.loads(example["answer"]))
