"""The library of providers takes 50 MB: no process has it before the first turn that needs it."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
_HEAVY = "{'pydantic_ai', 'openai', 'google.genai', 'anthropic'}"
_STREAM = "from sync_app.asgi import application; application()"
_WEB = "import todo_project.urls"
_WORKER = "from todo_project.celery import app; app.loader.import_default_modules()"


@pytest.mark.parametrize("process", [_STREAM, _WEB, _WORKER], ids=["stream", "web", "worker"])
def test_no_process_imports_it_early(process: str) -> None:
    code = f"import sys, django; django.setup(); {process}; sys.exit(str(sys.modules.keys() & {_HEAVY}))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stderr.strip().endswith("set()"), found.stderr
