"""Values that do not fit are refused before anything is deployed, by a message that names them."""

import pytest

from tests.deploy.chart.rendering import refusal
from tests.deploy.chart.values import DAPR, DEFAULT, EVERYTHING, FRONTEND, KAFKA, PROD, SETS, Values, merged


def at(path: str, value: object) -> Values:
    """`at("image.backend.tag", 1)`: nested maps."""
    first, _, rest = path.partition(".")
    return {first: at(rest, value) if rest else value}


# Types and ranges, which the schema refuses: (path, value).
BY_SCHEMA: list[tuple[str, object]] = [
    *(
        (f"replicaCount.{name}", value)
        for name in ("frontend", "backend")
        for value in (0, -1, 1.5, "2", True)
    ),
    ("replicaCount.worker", 0),
    ("replicaCount.consumers.sync", 0),
    ("replicaCount.consumers.mails", 1),
    ("replicaCount.web", 2),
    ("relayShards", 65),
    *(
        (f"image.{name}.pullPolicy", value)
        for name in ("frontend", "backend")
        for value in ("Sometimes", "always", "")
    ),
    ("image.backend.repository", ""),
    ("image.backend.repository", "Registry/Todo"),
    ("image.backend.tag", 1.2),
    ("image.backend.tag", "with space"),
    ("image.frontend.repository", "https://registry/web"),
    *(
        (f"service.{name}.type", value)
        for name in ("frontend", "backend")
        for value in ("ExternalName", "nodeport", "")
    ),
    *((f"service.{name}.port", value) for name in ("frontend", "backend") for value in (0, 65536, "8000")),
    *(("service.frontend.nodePort", value) for value in (29999, 32768, 80, "30080", 30000.5)),
    ("service.backend.nodeport", 30001),
    *(
        ("resources.backend.limits.memory", value)
        for value in ("256MB", "a lot", "-1Mi", "256 Mi", "", 0, True)
    ),
    *(("resources.frontend.requests.cpu", value) for value in ("0.1c", "100M", "-100m", "1.5m", "", 0)),
    ("resources.backend.requests.disk", "1Gi"),
    ("resources.backend.request", {"cpu": "1"}),
    ("secrets.DATABASE_URL", 5432),
    ("secrets.SECRET_KEY", ["a"]),
    ("secrets.DATABASE_PASSWORD", "kN8vR2xQ5tW9yZ3b"),
    ("host", "https://todo.to-do-service.dev"),
    ("host", "todo"),
    ("host", "*.to-do-service.dev"),
    ("frontend.host", "app.to-do-service.dev/path"),
    ("frontend.runAsUser", 0),
    ("frontend.writablePaths", ["tmp"]),
    ("kafka.brokers", "kafka"),
    ("kafka.brokers", "kafka:9092, other:9092"),
    ("kafka.securityProtocol", "TLS"),
    ("kafka.saslMechanism", "SCRAM-SHA-1"),
    ("kafka.saslMechanism", "sha-256"),
    ("insecureTransportOk", ["postgres"]),
    ("insecureTransportOk", "redis"),
    ("outsideSignIn.AUTH_JWKS_URL", "http://app.to-do-service.dev/jwks"),
    ("outsideSignIn.enabled", "yes"),
    ("config.ACCESS_TOKEN_MINUTES", 100000),
    ("config.THROTTLE_WRITES", "off"),
    ("config.WRITES_PER_MINUTE", 5),
    ("config.KAFKA_BOOTSTRAP_SERVERS", "kafka:9092"),
    ("config.TODO_ENV", "development"),
    ("config.PUSH_ALLOW_INSECURE_ENDPOINTS", True),
    ("config.LOG_LEVEL", "verbose"),
    ("config.TRUSTED_PROXIES", 4),
    ("config.VAPID_SUBJECT", "operator@to-do-service.dev"),
    ("autoscaling.backend.maxReplicas", 0),
    ("autoscaling.backend.cpuPercent", 0),
    ("autoscaling.consumers.by", "cpu"),
    ("autoscaling.consumers.lag", 0),
    ("autoscaling.beat", {"enabled": True}),
    ("podDisruptionBudget.maxUnavailable", 0),
    ("ingress.className", ""),
    ("ingress.annotations", {"a": 1}),
    ("networkPolicy.egressPorts", [0]),
    ("migrations.deadlineSeconds", 0),
    ("operatorEmail", "operator"),
    ("metrics.serviceMonitor.interval", "30"),
    ("dapr.appId", "To-do"),
    ("dapr.use", ["invoke"]),
    ("dapr.redisHost", "redis"),
    ("imagePullSecrets", ["registry"]),
    ("extraEnv", [{"value": "1"}]),
    ("existingSecret", "To do"),
    ("replicas", 3),
]


@pytest.mark.parametrize(("path", "value"), BY_SCHEMA)
def test_a_value_of_another_type_or_out_of_range(path: str, value: object) -> None:
    *where, last = path.split(".")
    said = refusal(merged(DEFAULT, at(path, value)))
    assert "/".join(where) in said
    assert last in said


# What goes together only: (values, what they are added to, the line that says so).
BY_RULES: list[tuple[Values, Values, str]] = [
    (DEFAULT, {"assistant": {"model": "llama3"}}, "assistant.model=llama3 names no provider: google:NAME"),
    (DEFAULT, {"host": ""}, "host is missing: it is where clients reach the API"),
    (DEFAULT, {"host": "todo.example.com"}, "host=todo.example.com does not exist in public"),
    (
        DEFAULT,
        {"service": {"frontend": {"nodePort": 30080}}},
        "service.frontend.nodePort=30080 needs service.frontend.type NodePort or LoadBalancer",
    ),
    (DEFAULT, {"frontend": {"host": "app.b.dev"}}, "frontend.host=app.b.dev needs image.frontend.repository"),
    (
        DEFAULT,
        {"resources": {"worker": {"requests": {"memory": "1Gi"}, "limits": {"memory": "900Mi"}}}},
        "resources.worker.requests.memory=1Gi is more than its limit of 900Mi.",
    ),
    (
        DEFAULT,
        {"resources": {"backend": {"requests": {"cpu": 3}, "limits": {"cpu": "2500m"}}}},
        "resources.backend.requests.cpu=3 is more than its limit of 2500m.",
    ),
    (
        DEFAULT,
        {"autoscaling": {"stream": {"enabled": True, "minReplicas": 5, "maxReplicas": 4}}},
        "autoscaling.stream.minReplicas=5 is more than its maxReplicas=4.",
    ),
    (
        DEFAULT,
        {"autoscaling": {"worker": {"enabled": True}}, "resources": {"worker": {"requests": {"cpu": None}}}},
        "autoscaling.worker needs resources.worker.requests.cpu",
    ),
    (DEFAULT, {"autoscaling": {"consumers": {"enabled": True}}}, "autoscaling.consumers needs kafka.brokers"),
    (
        merged(DEFAULT, KAFKA),
        {"autoscaling": {"consumers": {"enabled": True, "maxReplicas": 13}}},
        "autoscaling.consumers.maxReplicas=13 is more than config.KAFKA_TOPIC_PARTITIONS=12",
    ),
    (
        merged(DEFAULT, KAFKA),
        {"replicaCount": {"consumers": {"sync": 7}}, "config": {"KAFKA_TOPIC_PARTITIONS": 6}},
        "replicaCount.consumers.sync=7 is more than config.KAFKA_TOPIC_PARTITIONS=6",
    ),
    (
        merged(DEFAULT, KAFKA),
        {"kafka": {"securityProtocol": "SASL_PLAINTEXT"}},
        "kafka.securityProtocol=SASL_PLAINTEXT is not encrypted",
    ),
    (merged(DEFAULT, KAFKA), {"kafka": {"saslMechanism": ""}}, "kafka.saslMechanism is missing"),
    (
        merged(DEFAULT, KAFKA),
        {"kafka": {"securityProtocol": "SSL"}},
        "kafka.saslMechanism=SCRAM-SHA-256 needs kafka.securityProtocol SASL_SSL",
    ),
    (DEFAULT, {"kafka": {"saslMechanism": "PLAIN"}}, "kafka.saslMechanism=PLAIN needs kafka.brokers"),
    (
        DEFAULT,
        {"outsideSignIn": {"enabled": False, "AUTH_JWKS_URL": "https://app.b.dev/jwks"}},
        "outsideSignIn.AUTH_JWKS_URL needs outsideSignIn.enabled=true",
    ),
    (
        DEFAULT,
        {"ingress": {"enabled": True, "tls": {"enabled": False}}},
        "ingress.tls.enabled=false: the backend redirects http to https.",
    ),
    (
        merged(DEFAULT, {"networkPolicy": {"enabled": True, "egressPorts": [443, 6379]}}),
        {},
        "networkPolicy.egressPorts lacks 5432, the port of secrets.DATABASE_URL.",
    ),
    (DAPR, {"kafka": {"brokers": "", "saslMechanism": ""}}, "dapr.enabled=true needs kafka.brokers"),
    (DAPR, {"dapr": {"redisHost": ""}}, "dapr.redisHost is missing"),
    (DAPR, {"dapr": {"redisTls": False}}, "dapr.redisTls=false is not encrypted"),
    (DAPR, {"existingSecret": "todo"}, "dapr.appTokenSecret is missing"),
]


@pytest.mark.parametrize(("good", "change", "line"), BY_RULES)
def test_values_that_do_not_fit_together(good: Values, change: Values, line: str) -> None:
    assert f"\n  - {line}" in refusal(merged(good, change))


def test_all_broken_rules_are_said_at_once() -> None:
    said = refusal({"kafka": {"brokers": "kafka:9092", "securityProtocol": "PLAINTEXT"}})
    lines = [line for line in said.splitlines() if line.startswith("  - ")]
    for name in ("host", "kafka.securityProtocol", "secrets.DATABASE_URL", "secrets.VAPID_PRIVATE_KEY"):
        assert [line for line in lines if line.startswith(f"  - {name}")], name


@pytest.mark.parametrize("name", SETS)
def test_values_that_fit_are_taken(name: str) -> None:
    assert refusal(SETS[name]) == ""


@pytest.mark.parametrize(
    "values",
    [
        {"service": {"frontend": {"type": "NodePort", "nodePort": 30000}}},
        {"service": {"frontend": {"type": "NodePort", "nodePort": 32767}}},
        {"service": {"frontend": {"type": "LoadBalancer"}, "backend": {"type": "NodePort"}}},
        {"image": {"backend": {"pullPolicy": "Always"}, "frontend": {"pullPolicy": "Never"}}},
        {"resources": {"backend": {"requests": {"cpu": 0.5, "memory": "0.5Gi"}, "limits": {"cpu": 1}}}},
        {"host": "todo.internal", "config": {"VAPID_SUBJECT": "mailto:operator@to-do-service.dev"}},
        {"replicaCount": {"frontend": 3, "backend": 5}},
    ],
)
def test_what_operators_have_in_their_files_is_taken(values: Values) -> None:
    for good in (merged(DEFAULT, FRONTEND), EVERYTHING, PROD):
        if "host" not in values or good is not EVERYTHING:
            assert refusal(merged(good, values)) == ""
