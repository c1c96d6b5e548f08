"""The OpenAPI document passes two linters, and clients that four generators make of it compile and work.

`./todo test tests/contract/test_clients.py -m slow -s` prints what linters and generators say. Their versions
are in tests/contract/clients; what is installed stays in `.tools` there, until a lock changes.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit.embedded.ports import free_port
from tests.acceptance.calls import call
from tests.acceptance.web import UNLIMITED, Web, web
from tests.conftest import PASSWORD
from tests.contract.document import FILE

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("clients")]

CLIENTS = Path(__file__).with_name("clients")
TOOLS = CLIENTS / ".tools"
LOCKS = ["package.json", "package-lock.json", "pom.xml", "requirements.txt"]
NEEDED = ["npm", "node", "java", "mvn"]
SECONDS = 900
# What each story prints: title and version after a change of what was read; the status of the same change
# again; the field that was wrong; how many a search finds; whether it is completed; the status of a delete.
STORY = ["Water plants", 2, 412, "title", 1, True, 204]


def run(*command: object, folder: Path, **environment: str) -> str:
    """What the command prints. Raises AssertionError with that when it fails."""
    started = time.monotonic()
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = f"{done.stdout}{done.stderr}"
    assert done.returncode == 0, f"{command}: {said[-5000:]}"
    print(f"--- {' '.join(map(str, command))[-120:]}: {time.monotonic() - started:.1f} s")
    return said


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with the linters and generators, at the locked versions."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"generating clients needs {', '.join(missing)}")
    assert not missing
    with (CLIENTS / "pom.xml").open() as pom:
        fcntl.flock(pom, fcntl.LOCK_EX)
        return _installed()


def _installed() -> Path:
    done = TOOLS / "locks"
    locks = "\n".join((CLIENTS / name).read_text() for name in LOCKS)
    if done.exists() and done.read_text() == locks:
        return TOOLS
    shutil.rmtree(TOOLS, ignore_errors=True)
    TOOLS.mkdir()
    for name in LOCKS:
        shutil.copy(CLIENTS / name, TOOLS)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=TOOLS)
    copy = ["dependency:copy-dependencies", "-DexcludeTransitive=true", f"-DoutputDirectory={TOOLS / 'jars'}"]
    repository = f"-Dmaven.repo.local={Path.home() / '.m2' / 'repository'}"
    run("mvn", "--batch-mode", "--quiet", repository, *copy, folder=TOOLS)
    run(sys.executable, "-m", "venv", TOOLS / "venv", folder=TOOLS)
    run(TOOLS / "venv/bin/pip", "install", "-q", "--require-hashes", "-r", "requirements.txt", folder=TOOLS)
    done.write_text(locks)
    return TOOLS


def generate(generator: str, out: str, tools: Path) -> None:
    (jar,) = (tools / "jars").glob("openapi-generator-cli-*.jar")
    command = ["java", "-jar", jar, "generate", "-i", FILE, "-g", generator, "-o", tools / out]
    run(*command, folder=tools)


@pytest.fixture
def server(transactional_db: None) -> Iterator[Web]:
    with web(free_port(), **UNLIMITED) as running:
        account = {"email": "alice@example.test", "password": PASSWORD}
        assert call(running.port, "POST", "/api/auth/register", account).status == 201
        yield running


def story(*command: object, server: Web, tools: Path, **environment: str) -> list[object]:
    said = run(
        *command,
        folder=tools,
        API_URL=server.url,
        EMAIL="alice@example.test",
        PASSWORD=PASSWORD,
        **environment,
    )
    told: list[object] = json.loads(said.splitlines()[-1])
    return told


def test_redocly_finds_nothing(tools: Path) -> None:
    said = run("node_modules/.bin/redocly", "lint", "--format=json", FILE, folder=tools)
    totals = json.loads(said[said.index("{") : said.rindex("}") + 1])["totals"]
    print(totals)
    assert (totals["errors"], totals["warnings"]) == (0, 0), said


def test_spectral_finds_nothing(tools: Path) -> None:
    rules = CLIENTS / "spectral.yaml"
    lint = ["lint", "--fail-severity=hint", "--ruleset", rules, FILE]
    print(run("node_modules/.bin/spectral", *lint, folder=tools))


def test_clients_in_typescript(tools: Path, server: Web) -> None:
    """Both are compiled with `strict`, and then called."""
    shutil.rmtree(tools / "typescript-fetch", ignore_errors=True)
    generate("typescript-fetch", "typescript-fetch", tools)
    run("node_modules/.bin/openapi-typescript", FILE, "-o", "openapi-typescript.d.ts", folder=tools)
    for source in (CLIENTS / "tsconfig.json", *CLIENTS.glob("story_*.ts")):
        shutil.copy(source, tools)
    run("node_modules/.bin/tsc", "--project", ".", folder=tools)
    for name in ("story_openapi_fetch", "story_typescript_fetch"):
        assert story("node", f"compiled/{name}.js", server=server, tools=tools) == STORY, name


def test_clients_in_python(tools: Path, server: Web) -> None:
    """Every module of both compiles, and then they are called."""
    python = tools / "venv" / "bin" / "python"
    path = {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    shutil.rmtree(tools / "python", ignore_errors=True)
    generate("python", "python", tools)
    made = ["generate", "--path", FILE, "--output-path", "openapi-python-client", "--overwrite"]
    said = run(python.parent / "openapi-python-client", *made, folder=tools, **path)
    assert "Warning" not in said, said
    for folder, name in (
        ("python", "story_openapi_generator"),
        ("openapi-python-client", "story_openapi_python_client"),
    ):
        run(python, "-m", "compileall", "-q", folder, folder=tools)
        environment = {"PYTHONPATH": str(tools / folder)}
        told = story(python, CLIENTS / f"{name}.py", server=server, tools=tools, **environment)
        assert told == STORY, name
