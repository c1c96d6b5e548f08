"""The sets of values that the chart is rendered with. The keys were made for these tests."""

from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[3] / "deploy/helm/todo"
Values = dict[str, Any]

SECRETS: dict[str, str] = {
    "DATABASE_URL": "postgresql://todo:kN8vR2xQ5tW9yZ3b@db.to-do-service.dev:5432/todo?sslmode=verify-full",
    "REDIS_URL": "rediss://:kN8vR2xQ5tW9yZ3b@redis.to-do-service.dev:6379/0",
    "SECRET_KEY": "w7R2xq0Zb_u5mT9kYc3LhN8vJd1SgFpE6aWtQzXo4iUyKjB-MfGrHsVnCeDlAP",
    "VAPID_PRIVATE_KEY": "IlmG6Bm2ScMgDD33De2k1EVr9UO0zwX5ucVP2oYtrfI",
    "BETTER_AUTH_SECRET": "Jd1SgFpE6aWtQzXo4iUyKjB-MfGrHsVnCeDlAPw7R2x",
}
KAFKA_SECRETS = {"KAFKA_USERNAME": "todo", "KAFKA_PASSWORD": "kN8vR2xQ5tW9yZ3b"}
MORE_SECRETS = {
    "METRICS_TOKEN": "mT9kYc3LhN8vJd1SgFpE6aWt",
    "INTERNAL_TOKEN": "N8vJd1SgFpE6aWtQzXo4iUyK",
    "EMAIL_URL": "smtp+tls://todo:kN8vR2xQ5tW9yZ3b@mail.to-do-service.dev:587",
    "OPERATOR_PASSWORD": "yKjB-MfGrHsVnCeDlAPw7R2x",
    "OPENAI_API_KEY": "sk-kN8vR2xQ5tW9yZ3b",
    "APP_API_TOKEN": "vJd1SgFpE6aWtQzXo4iUyKjB",
    "DAPR_API_TOKEN": "QzXo4iUyKjBvJd1SgFpE6aWt",
    "REDIS_PASSWORD": "kN8vR2xQ5tW9yZ3b",
}
BROKERS = "one.kafka.to-do-service.dev:9093,two.kafka.to-do-service.dev:9093"


def merged(*all_values: Values) -> Values:
    """As Helm does it: maps are merged, everything else is replaced."""
    found: Values = {}
    for values in all_values:
        for key, value in values.items():
            both = isinstance(value, dict) and isinstance(found.get(key), dict)
            found[key] = merged(found[key], value) if both else value
    return found


DEFAULT: Values = {"host": "todo.to-do-service.dev", "secrets": SECRETS}
KAFKA: Values = {
    "kafka": {"brokers": BROKERS, "saslMechanism": "SCRAM-SHA-256"},
    "secrets": KAFKA_SECRETS,
}
FRONTEND: Values = {
    "image": {"frontend": {"repository": "registry.to-do-service.dev/web", "tag": "3"}},
    "frontend": {"host": "app.to-do-service.dev"},
}
# values-prod.yaml, and what an operator adds to it.
PROD = merged(
    yaml.safe_load((CHART / "values-prod.yaml").read_text()),
    {
        "host": "todo.to-do-service.dev",
        "kafka": {"brokers": BROKERS},
        "config": {"DEFAULT_FROM_EMAIL": "a@b.dev"},
    },
    {"image": {"backend": {"repository": "registry.to-do-service.dev/todo-backend", "tag": "0.1.0"}}},
    FRONTEND,
)
DAPR = merged(
    DEFAULT,
    KAFKA,
    {"secrets": {name: MORE_SECRETS[name] for name in ("APP_API_TOKEN", "DAPR_API_TOKEN", "REDIS_PASSWORD")}},
    {"dapr": {"enabled": True, "redisHost": "redis.to-do-service.dev:6379"}},
)
EVERYTHING = merged(
    DEFAULT,
    KAFKA,
    FRONTEND,
    {
        "secrets": MORE_SECRETS,
        "image": {"background": {"tag": "0.2.0"}},
        "relayShards": 2,
        "imagePullSecrets": [{"name": "registry"}],
        "service": {"frontend": {"type": "NodePort", "nodePort": 30080}, "backend": {"type": "LoadBalancer"}},
        "assistant": {"model": "openai:gpt-5-mini"},
        "insecureTransportOk": ["smtp"],
        "operatorEmail": "operator@to-do-service.dev",
        "certificatesSecret": "authorities",
        "config": {
            "KAFKA_CA_FILE": "/etc/todo/certificates/kafka.crt",
            "TASKS_PER_USER": 1000000,
            "MCP_ENABLED": True,
        },
        "extraEnv": [{"name": "SENTRY_ENVIRONMENT", "value": "production"}],
        "autoscaling": {
            name: {"enabled": True} for name in ("backend", "stream", "worker", "frontend", "consumers")
        },
        "ingress": {
            "enabled": True,
            "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "3m"},
            "streamAnnotations": {"nginx.ingress.kubernetes.io/proxy-buffering": "off"},
        },
        "networkPolicy": {"enabled": True, "egressPorts": [443, 5432, 6379, 9093]},
        "metrics": {name: {"enabled": True} for name in ("serviceMonitor", "prometheusRule", "dashboard")},
        "serviceAccount": {"annotations": {"team": "todo"}},
        "podAnnotations": {"team": "todo"},
        "podLabels": {"team": "todo"},
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "todo", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {}},
        # With consumers, so that these are among everything.
        "dapr": {"enabled": True, "use": ["state"], "redisHost": "redis.to-do-service.dev:6379"},
    },
)
SETS: dict[str, Values] = {
    "default": DEFAULT,
    "prod": PROD,
    "dapr": DAPR,
    "no-frontend": merged(DEFAULT, KAFKA, {"ingress": {"enabled": True}, "frontend": {"host": ""}}),
    "one-host": merged(DEFAULT, FRONTEND, {"frontend": {"host": ""}, "ingress": {"enabled": True}}),
    "everything": EVERYTHING,
    "lag-by-metric": merged(
        DEFAULT, KAFKA, {"autoscaling": {"consumers": {"enabled": True, "by": "metric"}}}
    ),
    "dapr-existing-secret": merged(
        DAPR,
        {"secrets": dict.fromkeys(DAPR["secrets"]), "existingSecret": "todo-secrets"},
        {"dapr": {"appTokenSecret": "app-token", "apiTokenSecret": "api-token"}},
    ),
}
