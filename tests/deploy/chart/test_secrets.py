"""Which secrets are needed when, and that an empty one is refused wherever it stands."""

import json

import pytest

from tests.deploy.chart.rendering import containers, documents, named, refusal, render
from tests.deploy.chart.values import CHART, DEFAULT, EVERYTHING, KAFKA, PROD, SECRETS, Values, merged

ALL = list(json.loads((CHART / "values.schema.json").read_text())["properties"]["secrets"]["properties"])
EMPTY = ["", " ", "\t\n ", "default", "changeme", "secret", "CHANGEME", " Secret ", "Default\n"]


def without(name: str) -> Values:
    return {**DEFAULT, "secrets": {key: value for key, value in SECRETS.items() if key != name}}


@pytest.mark.parametrize("name", ALL)
def test_an_empty_one_is_refused_wherever_it_stands(name: str) -> None:
    for empty in EMPTY:
        said = refusal(merged(DEFAULT, {"secrets": {name: empty}}))
        assert f"\n  - secrets.{name} is empty (" in said, empty


@pytest.mark.parametrize("name", SECRETS)
def test_what_every_deployment_needs(name: str) -> None:
    assert f"\n  - secrets.{name} is missing: " in refusal(without(name))
    assert refusal(merged(without(name), {"secrets": {name: SECRETS[name]}})) == ""


@pytest.mark.parametrize("name", sorted(set(ALL) - set(SECRETS)))
def test_the_others_may_be_left_out(name: str) -> None:
    assert refusal(merged(DEFAULT, {"secrets": {name: None}})) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"outsideSignIn": {"AUTH_JWKS_URL": "https://app.to-do-service.dev/api/auth/jwks"}},
        {"outsideSignIn": {"enabled": False}},
    ],
)
def test_better_auth_secret_is_not_needed(change: Values) -> None:
    values = merged(without("BETTER_AUTH_SECRET"), change)
    assert refusal(values) == ""
    assert "AUTH_JWT_SECRET" not in environment_names(values)


def test_better_auth_secret_verifies_tokens_here_and_signs_them_in_the_frontend() -> None:
    found = documents(EVERYTHING)
    for name, _spec, container in containers(found):
        references = {
            one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"] if is_secret(one)
        }
        variable = "BETTER_AUTH_SECRET" if name == "todo-frontend" else "AUTH_JWT_SECRET"
        assert references[variable]["key"] == "BETTER_AUTH_SECRET"
    assert named(found, "Secret", "todo")["stringData"]["BETTER_AUTH_SECRET"] == SECRETS["BETTER_AUTH_SECRET"]


def test_with_a_key_server_only_the_frontend_has_it() -> None:
    jwks = {"outsideSignIn": {"AUTH_JWKS_URL": "https://app.to-do-service.dev/api/auth/jwks"}}
    for name, _spec, container in containers(documents(merged(EVERYTHING, jwks))):
        has_it = [
            one
            for one in container["env"]
            if is_secret(one) and one["valueFrom"]["secretKeyRef"]["key"] == "BETTER_AUTH_SECRET"
        ]
        assert bool(has_it) == (name == "todo-frontend")


@pytest.mark.parametrize(
    ("model", "needed", "known_as"),
    [
        ("openai:gpt-5-mini", "OPENAI_API_KEY", "openai:gpt-5-mini"),
        ("openai-responses:gpt-5", "OPENAI_API_KEY", "openai:gpt-5"),
        ("gpt-4o-mini", "OPENAI_API_KEY", "openai:gpt-4o-mini"),
        ("o3-mini", "OPENAI_API_KEY", "openai:o3-mini"),
        ("google:gemini-2.5-flash", "GEMINI_API_KEY", "google:gemini-2.5-flash"),
        ("google-gla:gemini-2.5-flash", "GEMINI_API_KEY", "google:gemini-2.5-flash"),
        ("gemini-2.5-flash", "GEMINI_API_KEY", "google:gemini-2.5-flash"),
        ("anthropic:claude-sonnet-4-5", "ANTHROPIC_API_KEY", "anthropic:claude-sonnet-4-5"),
        ("claude-sonnet-4-5", "ANTHROPIC_API_KEY", "anthropic:claude-sonnet-4-5"),
        ("ollama:llama3.2:3b", None, "ollama:llama3.2:3b"),
        ("offline", None, "offline"),
        ("", None, None),
    ],
)
def test_a_model_needs_the_key_of_its_provider_and_no_other(
    model: str, needed: str | None, known_as: str | None
) -> None:
    values = merged(DEFAULT, {"assistant": {"model": model}})
    keys = {"OPENAI_API_KEY", "GEMINI_API_KEY", "ANTHROPIC_API_KEY"}
    missing = {
        key for key in keys if f"  - secrets.{key} is missing: assistant.model={model} " in refusal(values)
    }
    assert missing == ({needed} if needed else set())
    if needed:
        assert refusal(merged(values, {"secrets": {needed: "sk-kN8vR2xQ5tW9yZ3b"}})) == ""
        others = dict.fromkeys(keys - {needed}, "sk-kN8vR2xQ5tW9yZ3b")
        assert needed in refusal(merged(values, {"secrets": others}))
    given = merged(values, {"secrets": dict.fromkeys(keys, "sk-kN8vR2xQ5tW9yZ3b")})
    assert named(documents(given), "ConfigMap", "todo")["data"].get("ASSISTANT_MODEL") == known_as


@pytest.mark.parametrize(
    ("change", "needed"),
    [
        ({"kafka": KAFKA["kafka"]}, "KAFKA_USERNAME"),
        ({"kafka": KAFKA["kafka"]}, "KAFKA_PASSWORD"),
        ({"operatorEmail": "operator@to-do-service.dev"}, "OPERATOR_PASSWORD"),
        ({"metrics": {"serviceMonitor": {"enabled": True}}}, "METRICS_TOKEN"),
        ({"dapr": {"enabled": True}}, "APP_API_TOKEN"),
        ({"dapr": {"enabled": True}}, "REDIS_PASSWORD"),
    ],
)
def test_what_is_turned_on_may_need_one_more(change: Values, needed: str) -> None:
    assert f"\n  - secrets.{needed} is missing: " in refusal(merged(DEFAULT, change))


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("DATABASE_URL", "mysql://todo@db/todo", "must be postgresql://"),
        ("DATABASE_URL", "postgresql://db.b.dev", "must be postgresql://"),
        ("DATABASE_URL", "postgresql://todo:pw@db.b.dev/todo", "is not encrypted: add ?sslmode=verify-full"),
        ("DATABASE_URL", "postgresql://todo:pw@db.b.dev/todo?sslmode=prefer", "is not encrypted"),
        ("REDIS_URL", "http://redis:6379", "must be rediss://"),
        ("REDIS_URL", "redis://:pw@redis.b.dev:6379/0", "has no TLS or no password"),
        ("REDIS_URL", "rediss://redis.b.dev:6379/0", "has no TLS or no password"),
        ("SECRET_KEY", "short", "must have 50 random characters or more"),
        ("BETTER_AUTH_SECRET", "only-thirty-one-characters-long", "must have 32 random characters or more"),
        ("BETTER_AUTH_SECRET", SECRETS["SECRET_KEY"], "is the same as secrets.SECRET_KEY"),
        ("VAPID_PRIVATE_KEY", "-----BEGIN EC PRIVATE KEY-----", "must be a P-256 private key"),
        ("METRICS_TOKEN", "short", "must have 16 random characters or more"),
        ("INTERNAL_TOKEN", "short", "must have 16 random characters or more"),
        ("APP_API_TOKEN", "short", "must have 16 random characters or more"),
    ],
)
def test_one_that_the_backend_would_not_start_with(name: str, value: str, line: str) -> None:
    said = refusal(merged(DEFAULT, {"secrets": {name: value}}))
    assert f"\n  - secrets.{name} {line}" in said
    assert value not in said or name != "SECRET_KEY"


def test_a_private_network_may_do_without_tls() -> None:
    plain = {
        "secrets": {"DATABASE_URL": "postgresql://todo:pw@db/todo", "REDIS_URL": "redis://redis:6379/0"},
        "insecureTransportOk": ["postgresql", "redis"],
    }
    assert refusal(merged(DEFAULT, plain)) == ""


def test_an_existing_secret_lifts_all_of_these() -> None:
    assert refusal({"host": DEFAULT["host"], "existingSecret": "todo-secrets"}) == ""
    given = dict.fromkeys(ALL, "")
    values = merged(PROD, {"secrets": given, "assistant": {"model": "gpt-5"}})
    assert refusal(values) == ""
    assert "`secrets` is not used" in render(values)["NOTES.txt"]
    found = documents(values)
    assert [one for one in found if one["kind"] == "Secret"] == []
    for _name, _spec, container in containers(found):
        references = [one["valueFrom"]["secretKeyRef"] for one in container["env"] if is_secret(one)]
        assert {one["name"] for one in references} == {"todo-secrets"}
        optional = {one["key"] for one in references if one.get("optional")}
        assert not optional & {*SECRETS, "KAFKA_PASSWORD", "OPENAI_API_KEY"}


def test_a_secret_is_written_as_it_is() -> None:
    odd = "q: \"'{{ x }}' #\\n% ü" + SECRETS["SECRET_KEY"]
    found = documents(merged(DEFAULT, {"secrets": {"SECRET_KEY": odd}}))
    assert named(found, "Secret", "todo")["stringData"]["SECRET_KEY"] == odd
    assert named(found, "Secret", "todo-migrate")["stringData"]["SECRET_KEY"] == odd


def is_secret(variable: dict[str, object]) -> bool:
    return "secretKeyRef" in str(variable.get("valueFrom"))


def environment_names(values: Values) -> set[str]:
    return {
        one["name"] for _name, _spec, container in containers(documents(values)) for one in container["env"]
    }
