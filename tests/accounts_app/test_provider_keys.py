"""The keys of an outside identity provider from a real endpoint that responds, changes keys and goes down."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.utils import timezone
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app import provider_keys
from accounts_app.models import User
from tests.accounts_app.conftest import error_of, who_am_i
from tests.conftest import PATIENCE_SECONDS
from tests.monotonic import Monotonic

pytestmark = pytest.mark.django_db

ISSUER = "https://app.example.test"
AUDIENCE = "todo-api"


class Provider:
    """A JWKS endpoint on this machine. `answer` is its body; with None it does not respond."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.answer: bytes | None = b""
        self.waits, self.released = Event(), Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                if provider.answer is None:
                    provider.waits.set()
                    provider.released.wait(120)
                self.send_response(provider.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                with suppress(BrokenPipeError):
                    self.wfile.write(provider.answer or b"")

            def log_message(self, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/{uuid4()}"

    def publish(self, *key_ids: str, kind: str = "EdDSA") -> None:
        keys = [public(kind) | {"kid": key_id} for key_id in key_ids]
        self.answer = json.dumps({"keys": keys}).encode()


@cache
def private(kind: str) -> Any:
    made: dict[str, Any] = {
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "RS256": lambda: rsa.generate_private_key(65537, 2048),
    }
    return made[kind]()


def public(kind: str) -> dict[str, Any]:
    algorithm: dict[str, Any] = {"EdDSA": OKPAlgorithm, "ES256": ECAlgorithm, "RS256": RSAAlgorithm}
    said: dict[str, Any] = algorithm[kind].to_jwk(private(kind).public_key(), as_dict=True)
    return said


def come(key_id: str | None = "one", *, kind: str = "EdDSA", key: Any = None, algorithm: str = "") -> Any:
    exp = timezone.now() + timedelta(minutes=15)
    claims = {"sub": "dora", "iss": ISSUER, "aud": AUDIENCE, "exp": exp}
    headers = {} if key_id is None else {"kid": key_id}
    token = jwt.encode(claims, key or private(kind), algorithm or kind, headers=headers)
    return who_am_i(APIClient(), token)


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    monotonic = Monotonic()
    monkeypatch.setattr(provider_keys, "time", monotonic)
    return monotonic


@pytest.fixture
def provider(settings: Settings, monotonic: Monotonic, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    # A busy machine may let a request, or the provider's answer, wait.
    monkeypatch.setattr(provider_keys, "WAIT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(provider_keys, "TIMEOUT_SECONDS", PATIENCE_SECONDS)
    provider = Provider()
    provider.publish("one")
    thread = Thread(target=provider.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    settings.AUTH_JWT_ISSUER, settings.AUTH_JWT_AUDIENCE = ISSUER, AUDIENCE
    settings.AUTH_JWKS_URL = provider.url
    yield provider
    provider.released.set()
    provider.server.shutdown()
    provider.server.server_close()
    thread.join()


def go_away(provider: Provider, how: str) -> None:
    """The ways in which an endpoint can fail."""
    provider.status = {"error": 500, "moved": 302}.get(how, 200)
    provider.answer = {"page": b"<html>", "empty": b'{"keys": []}', "no object": b"[]", "bytes": b"\xff"}.get(
        how, b"{}"
    )


AWAY = ["error", "moved", "page", "empty", "no object", "bytes", "nothing"]


@pytest.mark.parametrize("kind", ["EdDSA", "ES256", "RS256"])
def test_a_token_of_a_published_key_is_good(provider: Provider, kind: str) -> None:
    provider.publish("one", kind=kind)
    assert come(kind=kind).status_code == 200


def test_the_keys_are_asked_for_once(provider: Provider, monotonic: Monotonic) -> None:
    for _ in range(5):
        assert come().status_code == 200
    assert provider.asked == 1
    monotonic.now += provider_keys.FRESH_SECONDS
    assert come().status_code == 200
    assert provider.asked == 2


def test_a_new_key_is_found_at_once_and_an_old_one_forgotten(
    provider: Provider, monotonic: Monotonic
) -> None:
    come()
    provider.publish("two")
    monotonic.now += provider_keys.PAUSE_SECONDS
    assert come("two").status_code == 200
    assert error_of(come("one"), 401) == (None, "token_not_valid")


def test_a_key_that_was_taken_back_is_good_for_some_minutes(provider: Provider, monotonic: Monotonic) -> None:
    come()
    provider.publish("two")
    monotonic.now += provider_keys.FRESH_SECONDS - 1
    assert come().status_code == 200
    monotonic.now += 1
    assert error_of(come(), 401) == (None, "token_not_valid")


def test_unknown_key_ids_do_not_make_us_ask(provider: Provider, monotonic: Monotonic) -> None:
    come()
    for number in range(50):
        answer = come(f"unknown {number}")
        assert error_of(answer, 401) == (None, "token_not_valid")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert provider.asked == 1
    monotonic.now += provider_keys.PAUSE_SECONDS
    come("unknown again")
    come("unknown again")
    assert provider.asked == 2


def test_a_token_without_key_id_is_refused(provider: Provider) -> None:
    assert error_of(come(None), 401) == (None, "token_not_valid")


@pytest.mark.parametrize("how", AWAY)
def test_an_absent_endpoint_is_a_503_and_asked_seldom(
    provider: Provider, monotonic: Monotonic, how: str
) -> None:
    go_away(provider, how)
    for _ in range(5):
        answer = come()
        assert error_of(answer, 503) == (None, "identity_provider_away")
        assert answer.headers["Retry-After"] == "10"
    assert provider.asked == 1
    provider.status = 200
    provider.publish("one")
    monotonic.now += provider_keys.PAUSE_SECONDS
    assert come().status_code == 200


@pytest.mark.parametrize("how", AWAY)
def test_known_keys_are_good_for_a_day_while_the_endpoint_is_away(
    provider: Provider, monotonic: Monotonic, how: str
) -> None:
    come()
    go_away(provider, how)
    monotonic.now += provider_keys.USABLE_SECONDS - 1
    assert come().status_code == 200
    assert error_of(come("two"), 503) == (None, "identity_provider_away")
    monotonic.now += 1
    assert error_of(come(), 503) == (None, "identity_provider_away")


def test_no_one_listens(provider: Provider, settings: Settings) -> None:
    settings.AUTH_JWKS_URL = "http://127.0.0.1:1/jwks"
    assert error_of(come(), 503) == (None, "identity_provider_away")


@pytest.mark.django_db(transaction=True)
def test_a_silent_endpoint_holds_up_no_one_who_has_a_key(provider: Provider, monotonic: Monotonic) -> None:
    keys = provider_keys.provider_keys(provider.url)
    assert keys.key("one")
    provider.answer = None
    monotonic.now += provider_keys.FRESH_SECONDS
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(keys.key, "one")
        assert provider.waits.wait(60)
        assert keys.key("one")  # while another thread fetches
        assert not waiting.done()
        provider.publish("one")
        provider.released.set()
        assert waiting.result(60)


def test_a_silent_endpoint_is_given_up(
    provider: Provider, monotonic: Monotonic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_keys, "TIMEOUT_SECONDS", 0.05)
    provider.answer = None
    assert error_of(come(), 503) == (None, "identity_provider_away")


def test_a_public_key_is_no_secret(provider: Provider) -> None:
    """A token signed with the public key as an HMAC secret, or not signed at all, is rejected."""
    provider.publish("one", kind="RS256")
    modulus = public("RS256")["n"]
    for key, algorithm in ((modulus, "HS256"), ("", "none")):
        answer = come(key=key or None, algorithm=algorithm) if key else unsigned()
        assert error_of(answer, 401) == (None, "token_not_valid")
    assert not User.objects.exists()


def test_a_shared_secret_in_the_set_is_not_used(provider: Provider) -> None:
    secret = b"x" * 32
    shared = {"kty": "oct", "k": jwt.utils.base64url_encode(secret).decode(), "kid": "one"}
    provider.answer = json.dumps({"keys": [shared]}).encode()
    assert error_of(come(key=secret, algorithm="HS256"), 401) == (None, "token_not_valid")


def test_another_keys_signature_is_refused(provider: Provider) -> None:
    stranger = ed25519.Ed25519PrivateKey.generate()
    assert error_of(come(key=stranger), 401) == (None, "token_not_valid")


def unsigned() -> Any:
    exp = int(timezone.now().timestamp()) + 900
    claims = {"sub": "dora", "iss": ISSUER, "aud": AUDIENCE, "exp": exp}
    return who_am_i(APIClient(), jwt.encode(claims, None, "none", headers={"kid": "one"}))
