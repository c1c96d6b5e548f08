"""The plain component files: what a sidecar of Dapr 1.18 needs, and the values that it silently misreads."""

from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "deploy/dapr"
DOCUMENTS: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))
}
COMPONENTS = {
    "kafka-pubsub": "pubsub.kafka",
    "kafka-pubsub-prod": "pubsub.kafka",
    "statestore": "state.redis",
    "statestore-prod": "state.redis",
    "reminder-cron": "bindings.cron",
}
SECRETS = {"saslUsername", "saslPassword", "redisPassword"}
APP_ID = "todo-backend"


def metadata_of(name: str) -> dict[str, Any]:
    items = DOCUMENTS[name]["spec"]["metadata"]
    assert len({item["name"] for item in items}) == len(items)
    return {item["name"]: item.get("value", item.get("secretKeyRef")) for item in items}


def test_each_file_holds_the_component_of_its_name() -> None:
    assert set(DOCUMENTS) == {*COMPONENTS, "resiliency"}
    for name, kind in COMPONENTS.items():
        document = DOCUMENTS[name]
        assert (document["apiVersion"], document["kind"]) == ("dapr.io/v1alpha1", "Component")
        assert document["metadata"] == {"name": name}
        assert (document["spec"]["type"], document["spec"]["version"]) == (kind, "v1")
        assert document["scopes"] == [APP_ID]


@pytest.mark.parametrize("name", COMPONENTS)
def test_values_are_text_and_secrets_are_references(name: str) -> None:
    for key, value in metadata_of(name).items():
        if key in SECRETS:
            assert set(value) == {"name", "key"}
            assert DOCUMENTS[name]["auth"] == {"secretStore": "kubernetes"}
        else:
            assert isinstance(value, str), f"{key}: YAML makes {value!r} of it, and the sidecar refuses it"


@pytest.mark.parametrize("name", ["kafka-pubsub", "kafka-pubsub-prod"])
def test_kafka_signs_in_with_scram_and_reads_from_the_beginning(name: str) -> None:
    metadata = metadata_of(name)
    assert metadata["authType"] == "password"
    assert metadata["saslMechanism"] in ("SHA-256", "SHA-512")  # anything else becomes PLAIN
    assert metadata["initialOffset"] == "oldest"
    assert metadata["disableTls"] == ("false" if name.endswith("prod") else "true")
    assert set(metadata) >= {"brokers", "saslUsername", "saslPassword"}


def test_no_file_has_the_long_name_of_the_mechanism_or_a_raw_payload() -> None:
    values = [str(value) for name in COMPONENTS for value in metadata_of(name).values()]
    assert not [value for value in values if "SCRAM" in value]
    assert not [name for name in COMPONENTS if "rawPayload" in metadata_of(name)]


@pytest.mark.parametrize("name", ["statestore", "statestore-prod"])
def test_the_state_store_keeps_our_keys(name: str) -> None:
    metadata = metadata_of(name)
    assert metadata["keyPrefix"] == "none"
    assert metadata["enableTLS"] == ("true" if name.endswith("prod") else "false")
    assert "ttl" not in metadata  # a save says its ttlInSeconds


def test_the_cron_is_an_input_and_needs_no_probe() -> None:
    assert metadata_of("reminder-cron") == {"schedule": "*/1 * * * *", "direction": "input"}


def test_a_failed_delivery_is_tried_again_for_as_long_as_it_takes() -> None:
    document = DOCUMENTS["resiliency"]
    assert (document["apiVersion"], document["kind"]) == ("dapr.io/v1alpha1", "Resiliency")
    policies = document["spec"]["policies"]
    for name in ("kafka-pubsub", "kafka-pubsub-prod"):
        inbound = document["spec"]["targets"]["components"][name]["inbound"]
        retry = policies["retries"][inbound["retry"]]
        # An exponential policy gives up after 15 minutes, with any maxRetries.
        assert (retry["policy"], retry["duration"], retry["maxRetries"]) == ("constant", "5s", -1)
        assert "500-599" in retry["matching"]["httpStatusCodes"].split(",")
        assert policies["timeouts"][inbound["timeout"]] == "60s"
