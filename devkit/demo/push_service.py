"""A push service and the browsers subscribed at it: RFC 8030 on this machine.

It refuses what a real one refuses (VAPID token, TTL, Topic, size), and decrypts like the browser behind it,
so what is in `messages` was really readable there. Used by `./todo demo` and by the tests.
"""

import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_LARGEST_BODY = 4096
_BASE64URL = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class RefusalError(Exception):
    """An answer that is not 201."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True)
class Browser:
    """A browser's side of a subscription: its private key and what it sends to the application."""

    key: ec.EllipticCurvePrivateKey
    secret: bytes
    endpoint: str

    @property
    def subscription(self) -> dict[str, str]:
        """What the application posts to /api/push-subscriptions."""
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": self.endpoint, "p256dh_key": _encode(point), "auth_key": _encode(self.secret)}

    def decrypt(self, body: bytes) -> dict[str, Any]:
        """The JSON of a message. Raises ECEException or ValueError when it was not meant for this browser."""
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret, version="aes128gcm")
        payload: dict[str, Any] = json.loads(plain)
        return payload


@dataclass(frozen=True)
class Message:
    """A notification that arrived: decrypted payload, request headers, claims of the VAPID token."""

    browser: Browser
    payload: dict[str, Any]
    headers: dict[str, str]
    claims: dict[str, Any]


@dataclass
class PushService:
    """What the service knows. `refusals` are answered, first to last, instead of taking a message."""

    url: str
    browsers: dict[str, Browser] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    refusals: list[RefusalError] = field(default_factory=list)
    requests: int = 0

    def subscribe(self) -> Browser:
        """A new browser with an endpoint here."""
        path = f"/push/{uuid4()}"
        browser = Browser(ec.generate_private_key(ec.SECP256R1()), uuid4().bytes, self.url + path)
        self.browsers[path] = browser
        return browser

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Take a message for the browser at this path. Raises RefusalError when a push service would."""
        self.requests += 1
        if self.refusals:
            raise self.refusals.pop(0)
        browser = self.browsers.get(path)
        if browser is None:
            raise RefusalError(404, "no such subscription")
        claims = self._claims(headers.get("authorization", ""))
        _require_protocol(headers, body)
        try:
            payload = browser.decrypt(body)
        except (http_ece.ECEException, ValueError) as error:
            raise RefusalError(400, f"the browser cannot decrypt this: {error}") from error
        self.messages.append(Message(browser, payload, dict(headers), claims))

    def _claims(self, authorization: str) -> dict[str, Any]:
        scheme, _, rest = authorization.partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
        if scheme.lower() != "vapid" or not {"t", "k"} <= parts.keys():
            raise RefusalError(401, "a VAPID token is required (RFC 8292)")
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _decode(parts["k"]))
            claims: dict[str, Any] = jwt.decode(
                parts["t"], key, ["ES256"], audience=self.url, options={"require": ["aud", "exp", "sub"]}
            )
        except (jwt.InvalidTokenError, ValueError) as error:
            raise RefusalError(403, f"the VAPID token is not valid: {error}") from error
        return claims


@contextmanager
def push_service(host: str = "127.0.0.1") -> Iterator[PushService]:
    """A push service on a free port of this machine, until the block ends."""
    server = ThreadingHTTPServer((host, 0), _Handler)
    server.daemon_threads = True
    service = PushService(f"http://{host}:{server.server_port}")
    server.service = service  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        service: PushService = self.server.service  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            service.take(self.path, headers, body)
            self._answer(201, "", {"Location": f"{service.url}/message/{uuid4()}"})
        except RefusalError as refused:
            self._answer(refused.status, str(refused), refused.headers)

    def _answer(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the demo prints what happens."""


def _require_protocol(headers: Mapping[str, str], body: bytes) -> None:
    if len(body) > _LARGEST_BODY:
        raise RefusalError(413, f"a message has at most {_LARGEST_BODY} bytes")
    if headers.get("content-encoding") != "aes128gcm":
        raise RefusalError(400, "Content-Encoding must be aes128gcm (RFC 8291)")
    if not headers.get("ttl", "").isdecimal():
        raise RefusalError(400, "TTL is required (RFC 8030, 5.2)")
    topic = headers.get("topic", "t")
    if not 1 <= len(topic) <= 32 or not set(topic) <= _BASE64URL:
        raise RefusalError(400, "Topic must be at most 32 characters of base64url (RFC 8030, 5.4)")
    if headers.get("urgency", "normal") not in ("very-low", "low", "normal", "high"):
        raise RefusalError(400, "Urgency must be very-low, low, normal or high (RFC 8030, 5.3)")


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
