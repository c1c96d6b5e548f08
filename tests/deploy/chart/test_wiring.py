"""What the objects of the chart say of each other: selectors, ports, Secrets, numbers of replicas."""

from typing import Any

import pytest

from tests.deploy.chart.rendering import (
    Document,
    containers,
    documents,
    named,
    of_kind,
    pod_of,
    set_named,
)
from tests.deploy.chart.values import EVERYTHING, SETS, merged

every_set = pytest.mark.parametrize("found", [pytest.param(set_named(name), id=name) for name in SETS])


def pods(found: list[Document]) -> list[Document]:
    return [pod_of(one) for one in of_kind(found, "Deployment", "Job")]


def selected(found: list[Document], labels: dict[str, str]) -> list[Document]:
    return [pod for pod in pods(found) if labels.items() <= pod["metadata"]["labels"].items()]


def ports_of(pod: Document) -> dict[str, int]:
    return {
        port["name"]: port["containerPort"]
        for one in pod["spec"]["containers"]
        for port in one.get("ports", [])
    }


@every_set
def test_names_are_unique_and_short_enough_for_a_label(found: list[Document]) -> None:
    names = [(one["apiVersion"], one["kind"], one["metadata"]["name"]) for one in found]
    assert len(set(names)) == len(names)
    assert max(len(name) for *_, name in names) <= 63
    assert {one["metadata"]["namespace"] for one in found} == {"live"}


def test_a_long_release_name_is_cut() -> None:
    found = documents(EVERYTHING, name="a-release-whose-name-is-as-long-as-helm-allows-it-53c")
    labels = [label for pod in pods(found) for label in pod["metadata"]["labels"].values()]
    assert max(map(len, [*labels, *(one["metadata"]["name"] for one in found)])) <= 63


@every_set
def test_each_selector_selects_its_own_pods_only(found: list[Document]) -> None:
    for deployment in of_kind(found, "Deployment"):
        labels = deployment["spec"]["selector"]["matchLabels"]
        assert selected(found, labels) == [pod_of(deployment)]
    for one in of_kind(found, "PodDisruptionBudget"):
        assert len(selected(found, one["spec"]["selector"]["matchLabels"])) == 1
    for one in of_kind(found, "NetworkPolicy"):
        assert selected(found, one["spec"]["podSelector"]["matchLabels"])


@every_set
def test_each_port_of_a_service_is_a_port_of_each_of_its_pods(found: list[Document]) -> None:
    for service in of_kind(found, "Service"):
        behind = selected(found, service["spec"]["selector"])
        assert behind
        for port in service["spec"]["ports"]:
            assert all(port["targetPort"] in ports_of(pod) for pod in behind)


@every_set
def test_metrics_of_every_process_are_found_once(found: list[Document]) -> None:
    (metrics,) = (one for one in of_kind(found, "Service") if one["metadata"]["name"].endswith("-metrics"))
    serving = [pod for pod in pods(found) if "metrics" in ports_of(pod)]
    assert selected(found, metrics["spec"]["selector"]) == serving
    without = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods(found) if pod not in serving
    }
    assert without <= {"backend", "frontend", "migrate"}


@every_set
def test_each_probe_asks_at_a_port_of_its_container(found: list[Document]) -> None:
    for name, _spec, container in containers(found):
        ports = {port["name"] for port in container.get("ports", [])}
        probes = [container.get(f"{kind}Probe") for kind in ("startup", "liveness", "readiness")]
        if name.endswith("-migrate"):
            assert probes == [None, None, None]
            continue
        for probe in probes:
            kind = next(kind for kind in ("httpGet", "tcpSocket", "exec") if kind in probe)
            assert kind == "exec" or probe[kind]["port"] in ports


@every_set
def test_each_ingress_and_autoscaler_names_what_is_there(found: list[Document]) -> None:
    services = {one["metadata"]["name"]: one for one in of_kind(found, "Service")}
    for ingress in of_kind(found, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                target = path["backend"]["service"]
                ports = services[target["name"]]["spec"]["ports"]
                assert target["port"]["name"] in {port["name"] for port in ports}
    for one in of_kind(found, "HorizontalPodAutoscaler", "ScaledObject"):
        named(found, "Deployment", one["spec"]["scaleTargetRef"]["name"])
    for monitor in of_kind(found, "ServiceMonitor"):
        (service,) = (
            one
            for one in services.values()
            if monitor["spec"]["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
        )
        ports = {port["name"] for port in service["spec"]["ports"]}
        assert all(endpoint["port"] in ports for endpoint in monitor["spec"]["endpoints"])


@every_set
def test_a_deployment_has_a_number_of_replicas_or_an_autoscaler(found: list[Document]) -> None:
    scalers = of_kind(found, "HorizontalPodAutoscaler", "ScaledObject")
    scaled = [one["spec"]["scaleTargetRef"]["name"] for one in scalers]
    assert len(set(scaled)) == len(scaled)
    for one in of_kind(found, "Deployment"):
        assert ("replicas" in one["spec"]) == (one["metadata"]["name"] not in scaled)


@every_set
def test_each_secret_and_setting_that_is_referred_to_exists(found: list[Document]) -> None:
    """Those of the migrations are made before the others, and read by their Job alone."""
    secrets = {one["metadata"]["name"]: set(one["stringData"]) for one in of_kind(found, "Secret")}
    maps = {one["metadata"]["name"] for one in of_kind(found, "ConfigMap")}
    for name, _spec, container in containers(found):
        is_migration = name.endswith("-migrate")
        for variable in container["env"]:
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference and not is_from_outside(reference["name"]):
                assert reference["key"] in secrets[reference["name"]], (name, reference)
                assert reference["name"].endswith("-migrate") == is_migration
        for source in container.get("envFrom", []):
            assert source["configMapRef"]["name"] in maps
            assert source["configMapRef"]["name"].endswith("-migrate") == is_migration
    for reference in references_of_others(found):
        if not is_from_outside(reference["name"]):
            assert reference["key"] in secrets[reference["name"]]


def is_from_outside(name: str) -> bool:
    return name in {"todo-secrets", "app-token", "api-token"}


def references_of_others(found: list[Document]) -> list[dict[str, str]]:
    """Of Dapr's components, KEDA and Prometheus."""
    items = [item for one in of_kind(found, "Component") for item in one["spec"]["metadata"]]
    targets = [
        item for one in of_kind(found, "TriggerAuthentication") for item in one["spec"]["secretTargetRef"]
    ]
    endpoints = [item for one in of_kind(found, "ServiceMonitor") for item in one["spec"]["endpoints"]]
    return [
        *(item["secretKeyRef"] for item in items if "secretKeyRef" in item),
        *targets,
        *(item["authorization"]["credentials"] for item in endpoints if "authorization" in item),
    ]


@every_set
def test_no_secret_stands_in_the_open(found: list[Document]) -> None:
    values = {
        value for one in of_kind(found, "Secret") for value in one["stringData"].values() if len(value) > 8
    }
    for one in found:
        if one["kind"] != "Secret":
            assert not [value for value in values if value in str(one)], one["metadata"]["name"]


@every_set
def test_every_container_is_locked_down(found: list[Document]) -> None:
    for name, spec, container in containers(found):
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        written = {volume["name"] for volume in spec["volumes"] if "emptyDir" in volume}
        assert all(one["emptyDir"]["medium"] == "Memory" for one in spec["volumes"] if "emptyDir" in one)
        assert {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")} <= written
        assert {"memory", "cpu"} == set(container["resources"]["limits"])


def test_selectors_stay_the_same_whatever_changes() -> None:
    """Kubernetes refuses an upgrade with another selector."""
    before = {one["metadata"]["name"]: one for one in of_kind(documents(SETS["default"]), "Deployment")}
    changes = {"image": {"backend": {"tag": "9.9.9"}}, "podLabels": {"a": "b"}, "relayShards": 1}
    changed = merged(EVERYTHING, changes)
    after = {one["metadata"]["name"]: one for one in of_kind(documents(changed), "Deployment")}
    assert set(before) <= set(after)
    for name, one in before.items():
        assert one["spec"]["selector"] == after[name]["spec"]["selector"]
        assert set(one["spec"]["selector"]["matchLabels"]) == {
            f"app.kubernetes.io/{part}" for part in ("name", "instance", "component")
        }


def test_a_changed_setting_or_secret_starts_new_pods() -> None:
    def annotations(*changes: dict[str, Any]) -> dict[str, dict[str, str]]:
        found = documents(merged(SETS["default"], *changes))
        return {
            one["metadata"]["name"]: pod_of(one)["metadata"]["annotations"]
            for one in of_kind(found, "Deployment")
        }

    before = annotations()
    assert annotations({"replicaCount": {"backend": 3}}) == before
    for change in (
        {"config": {"LOG_LEVEL": "DEBUG"}},
        {"secrets": {"INTERNAL_TOKEN": "N8vJd1SgFpE6aWtQzXo4"}},
    ):
        after = annotations(change)
        assert all(after[name] != before[name] for name in before)


def test_web_and_stream_share_a_host_and_stream_paths_are_not_buffered() -> None:
    found = set_named("everything")
    stream = named(found, "Ingress", "todo-stream")
    (rule,) = stream["spec"]["rules"]
    assert rule["host"] == named(found, "Ingress", "todo")["spec"]["rules"][0]["host"] == EVERYTHING["host"]
    paths = {path["path"]: path["pathType"] for path in rule["http"]["paths"]}
    mcp = {
        "/mcp": "Prefix",
        "/.well-known/oauth-protected-resource": "Prefix",
    }  # the second only with MCP_ENABLED
    assert paths == {"/api/stream": "Exact", "/api/chat": "Exact"} | mcp
    assert stream["metadata"]["annotations"] == {
        "nginx.ingress.kubernetes.io/proxy-body-size": "3m",
        "nginx.ingress.kubernetes.io/proxy-buffering": "off",
    }


def test_without_an_image_there_is_no_frontend() -> None:
    for name in ("default", "dapr", "no-frontend"):
        assert [one for one in set_named(name) if "frontend" in one["metadata"]["name"]] == []
    frontend = named(set_named("everything"), "Deployment", "todo-frontend")
    (container,) = pod_of(frontend)["spec"]["containers"]
    assert container["image"] == "registry.to-do-service.dev/web:3"
    secrets = [one["name"] for one in container["env"] if "valueFrom" in one]
    assert secrets == ["BETTER_AUTH_SECRET"]


def test_with_a_shared_host_every_route_of_the_backend_reaches_it() -> None:
    """All but / itself, which is then the frontend's."""
    from todo_project.urls import urlpatterns

    (rule,) = named(set_named("one-host"), "Ingress", "todo")["spec"]["rules"]
    prefixes = [
        path["path"] for path in rule["http"]["paths"] if path["backend"]["service"]["name"] == "todo-backend"
    ]
    inside = ("metrics", "internal/", "dapr/", "reminder-cron")
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        if route and not route.startswith(inside):
            assert any(f"/{route}/".startswith(f"{prefix}/") for prefix in prefixes), route
