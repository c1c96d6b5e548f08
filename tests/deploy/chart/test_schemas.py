"""Each object has the form that Kubernetes and the definitions of custom kinds give it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate.utils as kubernetes
import pytest
from helm_python import lint
from jsonschema import Draft7Validator
from jsonschema import ValidationError as SchemaError

from tests.deploy.chart.rendering import Document, set_named
from tests.deploy.chart.values import CHART, SETS

# The oldest that docs/kubernetes.md names, and the newest that the library knows.
VERSIONS = ("1.27", kubernetes.latest_version())
BUILT_IN = ("v1", "apps/v1", "batch/v1", "autoscaling/v2", "policy/v1", "networking.k8s.io/v1")


def strict(schema: Any) -> Any:
    """As the API server prunes: what a definition does not name is an error."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(value) for key, value in schema.items() if key != "properties"}
    if "properties" in schema:
        found["properties"] = {name: strict(value) for name, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            found.setdefault("additionalProperties", False)
    if schema.get("nullable"):
        found["type"] = [schema["type"], "null"]
    return found


@cache
def custom_kinds() -> dict[tuple[str, str], Draft7Validator]:
    found = {}
    for path in (Path(__file__).parent / "crds").glob("*.json"):
        definition = json.loads(path.read_text())
        found[definition["apiVersion"], definition["kind"]] = Draft7Validator(strict(definition["schema"]))
    return found


@pytest.fixture(scope="module", autouse=True)
def schemas_are_read_once() -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kubernetes, "schema_contents", cache(kubernetes.schema_contents))
        yield


def validate(document: Document) -> None:
    """Raises SchemaError; KeyError for a kind of which there is no definition."""
    if document["apiVersion"] in BUILT_IN:
        for version in VERSIONS:
            kubernetes.validate(document, version, strict=True)
    else:
        custom_kinds()[document["apiVersion"], document["kind"]].validate(document)


def test_every_object_of_every_set_of_values() -> None:
    """Once each: most are the same in several sets."""
    different = {json.dumps(one): one for name in SETS for one in set_named(name)}
    wrong = []
    for document in different.values():
        try:
            validate(document)
        except SchemaError as error:
            wrong.append(
                f"{document['kind']} {document['metadata']['name']}: {error.json_path}: {error.message}"
            )
    assert wrong == []
    assert len(different) > 100


def test_every_custom_kind_was_among_them() -> None:
    rendered = {(one["apiVersion"], one["kind"]) for name in SETS for one in set_named(name)}
    assert set(custom_kinds()) == {one for one in rendered if one[0] not in BUILT_IN}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", ("spec", "template", "spec", "containers", 0, "readOnlyRootFilesystem")),
        ("ConfigMap", ("data", "PORT")),
        ("Component", ("spec", "metadata", 0, "key")),
        ("Resiliency", ("spec", "policies", "retries", "delivery", "maxRetry")),
        ("ScaledObject", ("spec", "minReplicas")),
        ("ServiceMonitor", ("spec", "endpoints", 0, "bearer")),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0, "severity")),
        ("TriggerAuthentication", ("spec", "secretTargetRef", 0, "secret")),
    ],
)
def test_a_wrong_field_is_found(kind: str, path: tuple[str | int, ...]) -> None:
    """The check itself: each of these has one field more, or of another type."""
    one = next(one for one in set_named("everything") + set_named("dapr") if one["kind"] == kind)
    document = json.loads(json.dumps(one))
    within = document
    for step in path[:-1]:
        within = within[step]
    within[path[-1]] = 8000
    with pytest.raises(SchemaError):
        validate(document)


def test_helm_itself_has_nothing_against_the_chart() -> None:
    found = lint(CHART, SETS["default"], strict=True, kube_version="v1.37.0")
    assert found["errors"] == []
    assert [each for each in found["messages"] if each["severity"] > 1] == []
