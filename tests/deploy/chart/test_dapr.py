"""Sidecars: off by default, and their components as the plain files have them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.chart.rendering import Document, documents, named, of_kind, pod_of, set_named
from tests.deploy.chart.values import DAPR, SETS, merged

FILES = Path(__file__).parents[3] / "deploy/dapr"


def metadata_of(component: Document) -> dict[str, Any]:
    """Name -> its value, or True for a secret's."""
    return {item["name"]: item.get("value", "secretKeyRef" in item) for item in component["spec"]["metadata"]}


@pytest.mark.parametrize("name", [name for name in SETS if not name.startswith(("dapr", "everything"))])
def test_it_is_off_by_default(name: str) -> None:
    assert "dapr" not in str(set_named(name)).lower()


@pytest.mark.parametrize("long", [True, False])
@pytest.mark.parametrize("bits", ["256", "512"])
def test_either_spelling_of_the_mechanism_becomes_the_one_that_dapr_knows(bits: str, *, long: bool) -> None:
    given = f"SCRAM-SHA-{bits}" if long else f"SHA-{bits}"
    found = documents(merged(DAPR, {"kafka": {"saslMechanism": given}}))
    component = named(found, "Component", "kafka-pubsub-prod")
    assert metadata_of(component)["saslMechanism"] == f"SHA-{bits}"
    assert "SCRAM" not in str(of_kind(found, "Component", "Resiliency"))
    # librdkafka knows the other one.
    assert named(found, "ConfigMap", "todo-migrate")["data"]["KAFKA_SASL_MECHANISM"] == f"SCRAM-SHA-{bits}"


@pytest.mark.parametrize("tls", [True, False])
def test_the_components_are_those_of_the_plain_files(*, tls: bool) -> None:
    plain = {"securityProtocol": "SASL_PLAINTEXT", "saslMechanism": "SHA-256"}
    open_ones = {"kafka": plain, "dapr": {"redisTls": False}, "insecureTransportOk": ["kafka", "redis"]}
    found = documents(DAPR if tls else merged(DAPR, open_ones))
    ending = "-prod" if tls else ""
    rendered = of_kind(found, "Component")
    assert {one["metadata"]["name"] for one in rendered} == {
        f"kafka-pubsub{ending}",
        f"statestore{ending}",
        "reminder-cron",
    }
    for component in rendered:
        file = yaml.safe_load((FILES / f"{component['metadata']['name']}.yaml").read_text())
        expected = metadata_of(file)
        for address, given in (
            ("brokers", SETS["dapr"]["kafka"]["brokers"]),
            ("redisHost", DAPR["dapr"]["redisHost"]),
        ):
            if address in expected:
                expected[address] = given
        assert metadata_of(component) == expected
        assert component["spec"]["type"] == file["spec"]["type"]
        assert component.get("auth") == file.get("auth")
        assert set(file["scopes"]) <= set(component["scopes"])
    (policy,) = of_kind(found, "Resiliency")
    file = yaml.safe_load((FILES / "resiliency.yaml").read_text())
    assert policy["spec"]["policies"] == file["spec"]["policies"]
    targets = file["spec"]["targets"]["components"]
    assert policy["spec"]["targets"]["components"] == {
        f"kafka-pubsub{ending}": targets[f"kafka-pubsub{ending}"]
    }


def test_each_sidecar_has_an_id_of_its_own_and_the_web_s_alone_calls_its_app() -> None:
    found = set_named("dapr")
    annotations = {
        one["metadata"]["name"]: pod_of(one)["metadata"]["annotations"]
        for one in of_kind(found, "Deployment")
    }
    ids = {name: each.get("dapr.io/app-id") for name, each in annotations.items()}
    assert ids["todo-backend"] == "todo-backend"
    assert len(set(ids.values())) == len(ids)
    assert [name for name, each in annotations.items() if "dapr.io/app-port" in each] == ["todo-backend"]
    scopes = {one["metadata"]["name"]: set(one["scopes"]) for one in of_kind(found, "Component")}
    assert scopes["reminder-cron"] == {"todo-backend"}
    assert scopes["kafka-pubsub-prod"] == {"todo-backend", "todo-backend-relay"}
    assert scopes["statestore-prod"] == set(ids.values())


def test_events_come_one_way_only() -> None:
    """By the sidecar of the web, or by consumers."""
    names = {one["metadata"]["name"] for one in of_kind(set_named("dapr"), "Deployment")}
    assert not [name for name in names if "consumers" in name]
    without = documents(merged(DAPR, {"dapr": {"use": ["publish"]}}))
    annotated = [one["metadata"]["name"] for one in of_kind(without, "Deployment") if "dapr.io" in str(one)]
    assert annotated == ["todo-backend", "todo-relay"]
    assert [one for one in of_kind(without, "Deployment") if "consumers" in one["metadata"]["name"]]


def test_tokens_are_in_secrets_as_dapr_reads_them() -> None:
    found = set_named("dapr")
    annotations = pod_of(named(found, "Deployment", "todo-backend"))["metadata"]["annotations"]
    for annotation, variable in (
        ("app-token-secret", "APP_API_TOKEN"),
        ("api-token-secret", "DAPR_API_TOKEN"),
    ):
        secret = named(found, "Secret", annotations[f"dapr.io/{annotation}"])
        assert secret["stringData"] == {"token": DAPR["secrets"][variable]}
