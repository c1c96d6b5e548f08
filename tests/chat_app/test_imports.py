"""The libraries of providers and of MCP take 50 MB: no process has them before it needs them."""

import subprocess
import sys
from pathlib import Path

import pytest

# One after the other in one process, which takes seconds to start: what any of them imports is found.
_PROCESSES = """\
import sys
import todo_project.wsgi
import todo_project.urls
import todo_project.worker
from todo_project.celery import app
app.loader.import_default_modules()
from sync_app.asgi import application
application()
heavy = {"pydantic_ai", "openai", "google.genai", "anthropic", "mcp", "mcp_types"}
print(sorted(heavy & sys.modules.keys()))
"""


@pytest.mark.slow
def test_no_process_imports_them_early() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _PROCESSES],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.splitlines()[-1:] == ["[]"], (found.stdout, found.stderr)
