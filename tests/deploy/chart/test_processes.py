"""The process types of the chart are those of the Procfile, by the same commands, and of one release."""

import pytest
import yaml

from events_app.groups import group_names
from events_app.release import VERSION
from tests.deploy.chart.rendering import Document, containers, documents, named, of_kind, pod_of, set_named
from tests.deploy.chart.values import CHART, DEFAULT, EVERYTHING, KAFKA, SETS, merged


def roles(name: str) -> dict[str, list[str]]:
    """Component -> what the image's entry point is given: a role of the Procfile, and more arguments."""
    return {
        container["name"]: container["args"]
        for workload, _spec, container in containers(set_named(name))
        if not workload.endswith(("-migrate", "-frontend"))
    }


def test_each_role_of_the_procfile_runs() -> None:
    lines = (CHART.parents[2] / "Procfile").read_text().splitlines()
    procfile = {line.partition(":")[0] for line in lines}
    without_kafka = {("backend" if role == "web" else role): [role] for role in procfile - {"consumers"}}
    assert roles("default") == without_kafka
    consumers = {f"consumers-{group}": ["consumers", group] for group in group_names()}
    assert roles("no-frontend") == without_kafka | consumers


def test_each_shard_of_the_relay_is_served_by_a_deployment() -> None:
    found = documents(merged(EVERYTHING, {"relayShards": 3, "replicaCount": {"relay": 2}}))
    shards = {}
    for name in ("todo-relay-1", "todo-relay-2", "todo-relay-3"):
        relay = named(found, "Deployment", name)
        (container,) = pod_of(relay)["spec"]["containers"]
        assert (container["args"], relay["spec"]["replicas"]) == (["relay"], 2)
        shards[name] = {one["name"]: one.get("value") for one in container["env"]}["RELAY_SHARD"]
    assert list(shards.values()) == ["1/3", "2/3", "3/3"]
    with_dapr = documents(merged(SETS["dapr"], {"relayShards": 2}))
    scopes = named(with_dapr, "Component", "kafka-pubsub-prod")["scopes"]
    assert scopes == ["todo-backend", "todo-backend-relay-1", "todo-backend-relay-2"]


def test_values_know_the_groups_of_handlers() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(values["replicaCount"]["consumers"]) == set(group_names())


def test_the_chart_is_of_the_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)
    # A Helm 3 that is built from source takes Kubernetes for 1.20 while no cluster is asked.
    assert "kubeVersion" not in chart
    (image,) = {container["image"] for *_, container in containers(set_named("default"))}
    assert image == f"todo-backend:{VERSION}"


def test_web_and_stream_may_be_upgraded_last() -> None:
    """`image.background.tag` is that of everything else, and of the migrations."""
    images = {name: container["image"] for name, _spec, container in containers(set_named("everything"))}
    assert images.pop("todo-frontend") == "registry.to-do-service.dev/web:3"
    assert images.pop("todo-backend") == images.pop("todo-stream") == f"todo-backend:{VERSION}"
    assert set(images.values()) == {"todo-backend:0.2.0"}


def test_replicas_and_resources_are_those_of_the_values() -> None:
    found = documents(
        merged(
            SETS["one-host"],
            KAFKA,
            {"replicaCount": {"frontend": 2, "backend": 3, "relay": 4, "consumers": {"sync": 5}}},
            {"resources": {"backend": {"limits": {"memory": "2Gi"}}, "consumers": {"limits": {"cpu": "3"}}}},
        )
    )
    replicas = {one["metadata"]["name"]: one["spec"]["replicas"] for one in of_kind(found, "Deployment")}
    assert replicas["todo-frontend"], replicas["todo-backend"] == (2, 3)
    assert (replicas["todo-relay"], replicas["todo-consumers-sync"], replicas["todo-worker"]) == (4, 5, 1)
    limits = {name: container["resources"]["limits"] for name, _spec, container in containers(found)}
    assert limits["todo-backend"] == {"memory": "2Gi", "cpu": "2"}
    assert {limits[f"todo-consumers-{group}"]["cpu"] for group in group_names()} == {"3"}


def test_services_are_of_their_type_and_port() -> None:
    found = documents(
        merged(
            EVERYTHING,
            {"service": {"frontend": {"port": 3100}, "backend": {"port": 80}, "stream": {"port": 81}}},
        )
    )
    frontend = named(found, "Service", "todo-frontend")["spec"]
    (port,) = frontend["ports"]
    assert (frontend["type"], port["port"], port["nodePort"]) == ("NodePort", 3100, 30080)
    backend = named(found, "Service", "todo-backend")["spec"]
    assert (backend["type"], [port["port"] for port in backend["ports"]]) == ("LoadBalancer", [80])
    (container,) = pod_of(named(found, "Deployment", "todo-frontend"))["spec"]["containers"]
    assert [port["containerPort"] for port in container["ports"]] == [3100]
    assert {"name": "PORT", "value": "3100"} in container["env"]


def hook_of(document: Document) -> str:
    found: str = document["metadata"].get("annotations", {}).get("helm.sh/hook", "")
    return found


@pytest.mark.parametrize("name", ["default", "no-frontend"])
def test_migrations_run_before_anything_and_wait_for_the_database(name: str) -> None:
    found = set_named(name)
    hooks = [one for one in found if "pre-" in hook_of(one)]
    assert {(one["kind"], one["metadata"]["annotations"]["helm.sh/hook"]) for one in hooks} == {
        (kind, "pre-install,pre-upgrade") for kind in ("Secret", "ConfigMap", "Job")
    }
    weights = {one["kind"]: int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) for one in hooks}
    assert max(weights["Secret"], weights["ConfigMap"]) < weights["Job"]
    job = named(found, "Job", "todo-migrate")
    (container,) = pod_of(job)["spec"]["containers"]
    assert container["args"][:2] == ["sh", "-ec"]
    steps = container["args"][2].splitlines()
    assert steps[:3] == [
        'export DATABASE_URL="${DATABASE_DIRECT_URL:-$DATABASE_URL}"',  # past a pooler of transactions
        "python manage.py wait_for_database --seconds 120",
        "python manage.py migrate --no-input",
    ]
    assert steps[3:] == (["python manage.py create_topics"] if name == "no-frontend" else [])
    assert "serviceAccountName" not in pod_of(job)["spec"]  # the chart's own is not there yet


def test_an_upgrade_without_the_job() -> None:
    found = documents(merged(DEFAULT, {"migrations": {"enabled": False}}))
    assert {hook_of(one) for one in found} == {"", "test"}


def test_helm_asks_the_web_by_its_service() -> None:
    found = documents(merged(DEFAULT, {"service": {"backend": {"port": 80}}}), name="other")
    (test,) = of_kind(found, "Pod")
    (container,) = test["spec"]["containers"]
    assert '"http://other-todo-backend:80/healthz/ready?all=true"' in container["args"][2]
    compile(container["args"][2], "", "exec")
    named(found, "Service", "other-todo-backend")
