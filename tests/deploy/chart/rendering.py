"""Renders the chart by Helm's own code, in this process: 3 ms each time."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml
from helm_python import Chart, HelmError

from tests.deploy.chart.values import CHART, SETS, Values

Document = dict[str, Any]
# A Deployment and a Job of the chart make pods.
PODS = ("Deployment", "Job")


@cache
def _chart() -> Chart:
    return Chart.load(CHART)


def render(values: Values, *, name: str = "todo", namespace: str = "live") -> dict[str, str]:
    """File name -> text. Raises HelmError."""
    rendered = _chart().render(values, name=name, namespace=namespace, is_install=True)
    return {path.removeprefix("todo/templates/"): text for path, text in rendered.items()}


def documents(values: Values, **options: str) -> list[Document]:
    """All objects that Kubernetes would get."""
    texts = (text for path, text in render(values, **options).items() if path != "NOTES.txt")
    return [one for text in texts for one in yaml.load_all(text, yaml.CSafeLoader) if one]


@cache
def set_named(name: str) -> list[Document]:
    return documents(SETS[name])


def refusal(values: Values) -> str:
    """What Helm says when it refuses these values; empty if it takes them."""
    try:
        render(values)
    except HelmError as error:
        return str(error)
    return ""


def of_kind(found: list[Document], *kinds: str) -> list[Document]:
    return [one for one in found if one["kind"] in kinds]


def named(found: list[Document], kind: str, name: str) -> Document:
    """The one object of this kind and name."""
    (one,) = (each for each in of_kind(found, kind) if each["metadata"]["name"] == name)
    return one


def pod_of(workload: Document) -> Document:
    pod: Document = workload["spec"]["template"]
    return pod


def containers(found: list[Document]) -> Iterator[tuple[str, Document, Document]]:
    """Name of the workload, its pod's spec, the container."""
    for workload in of_kind(found, *PODS):
        spec = pod_of(workload)["spec"]
        for container in spec["containers"]:
            yield workload["metadata"]["name"], spec, container
