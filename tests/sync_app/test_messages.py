"""A message of the stream is one line for every client, also for those that split lines at U+2028."""

import json

import pytest

from sync_app import messages


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85"])
def test_marks_that_split_lines_are_escaped(mark: str) -> None:
    text = json.dumps({"changes": {"title": f"a{mark}b ü"}}, ensure_ascii=False)
    lines = messages.update("1-0", text).decode().splitlines()
    assert lines[:2] == ["event: task.sync", "id: 1-0"]
    assert json.loads(lines[2].removeprefix("data: "))["changes"]["title"] == f"a{mark}b ü"
    assert lines[3:] == [""]
