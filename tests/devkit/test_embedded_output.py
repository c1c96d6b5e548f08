"""What the launcher prints of the roles: under their names, or JSON in every line."""

import json
import os
from pathlib import Path

import pytest

from devkit.embedded.output import Outputs, Terminal, as_json, say


def test_a_line_that_is_json_stays_as_it_is_and_any_other_becomes_an_object() -> None:
    line = '{"event": "x", "level": "warning"}'
    assert as_json("web", line) == line
    for text in ("Traceback (most recent call last):", "{not json}", "  déjà vu"):
        found = json.loads(as_json("web", text))
        assert (found["event"], found["logger"], found["level"]) == (text, "web", "info")
        assert found["timestamp"].endswith("Z")


def test_with_json_the_terminal_and_the_log_have_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    outputs = Outputs(Terminal())
    writer = outputs.open("web", "37", tmp_path / "web.log")
    os.write(writer, b'{"event": "served"}\n\nprinted\nunfinished')
    os.close(writer)
    outputs.close()
    say("Ready")
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["served", "printed", "unfinished", "Ready"]
    assert (tmp_path / "web.log").read_text().splitlines() == lines[:3]
