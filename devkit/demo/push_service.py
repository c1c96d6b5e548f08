"""A push service and the browsers subscribed at it: RFC 8030 on this machine.

It refuses what a real one refuses (VAPID token, TTL, Topic, size; push_profiles.py), and decrypts like the
browser behind it, so what is in `messages` was really readable there. Used by `./todo demo` and by the tests.
"""

import json
import os
import socket
import struct
import threading
import time
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

from devkit.demo.push_profiles import STANDARD, Profile, RefusalError

# A VAPID token must not last longer (RFC 8292, 2).
_LONGEST_TOKEN_SECONDS = 24 * 60 * 60
_LINGER_NOT = struct.pack("ii", 1, 0)


class ResetError(Exception):
    """The connection is reset instead of an answer."""


class HangError(Exception):
    """There is no answer until the service ends."""


@dataclass(frozen=True)
class Browser:
    """A browser's side of a subscription: its private key and what it sends to the application."""

    key: ec.EllipticCurvePrivateKey
    secret: bytes
    endpoint: str
    profile: Profile = STANDARD

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

    @property
    def notification(self) -> dict[str, Any]:
        """The part of a declarative message that a service worker shows."""
        found: dict[str, Any] = self.payload["notification"]
        return found


@dataclass(frozen=True)
class Exchange:
    """One request: its path, when it came (Unix time), and the answer; None if there was none."""

    path: str
    at: float
    status: int | None
    headers: Mapping[str, str]


@dataclass
class PushService:
    """What the service knows.

    `refusals` are answered, first to last, instead of taking a message; None takes it.
    """

    url: str
    browsers: dict[str, Browser] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    refusals: list[RefusalError | ResetError | HangError | None] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def subscribe(self, profile: Profile = STANDARD) -> Browser:
        """A new browser with an endpoint here, which is as strict as the profile says."""
        path = f"/push/{uuid4()}"
        browser = Browser(ec.generate_private_key(ec.SECP256R1()), uuid4().bytes, self.url + path, profile)
        self.browsers[path] = browser
        return browser

    @property
    def requests(self) -> int:
        return len(self.exchanges)

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Take a message for the browser at this path. Raises RefusalError when a push service would."""
        if self.refusals and (refusal := self.refusals.pop(0)):
            raise refusal
        browser = self.browsers.get(path)
        if browser is None:
            raise RefusalError(404, "no such subscription")
        claims = self._claims(browser.profile, headers.get("authorization", ""))
        browser.profile.require_form(headers, body)
        try:
            payload = browser.decrypt(body)
        except (http_ece.ECEException, ValueError) as error:
            raise RefusalError(400, f"the browser cannot decrypt this: {error}") from error
        self.messages.append(Message(browser, payload, dict(headers), claims))

    def _claims(self, profile: Profile, authorization: str) -> dict[str, Any]:
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
            raise profile.refusal(403, "token", f"the VAPID token is not valid: {error}") from error
        if claims["exp"] > time.time() + _LONGEST_TOKEN_SECONDS:
            raise profile.refusal(403, "token", "the VAPID token lasts longer than a day (RFC 8292, 2)")
        profile.require_subject(claims["sub"])
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
        service.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        service: PushService = self.server.service  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        at = time.time()
        try:
            service.take(self.path, headers, body)
        except RefusalError as refused:
            service.exchanges.append(Exchange(self.path, at, refused.status, refused.headers))
            self._answer(refused.status, str(refused), refused.headers)
        except HangError:
            service.exchanges.append(Exchange(self.path, at, None, {}))
            service.ended.wait()
        except ResetError:
            service.exchanges.append(Exchange(self.path, at, None, {}))
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            os.close(self.connection.detach())  # at once, before a polite end is sent
        else:
            service.exchanges.append(Exchange(self.path, at, 201, {}))
            self._answer(201, "", {"Location": f"{service.url}/message/{uuid4()}"})

    def _answer(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the demo prints what happens."""


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
