"""A stand-in for a Dapr sidecar 1.18, by its source: what it asks the app, what it does with the answers.

Kafka is lists in memory, the app is called in this process, the state store is the real Valkey.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from django.conf import settings
from django.test import Client
from redis import Redis
from redis.exceptions import ResponseError

APP_TOKEN = "the token with which the sidecar calls the app"
API_TOKEN = "the token with which the app calls the sidecar"
APP_ID = "todo-backend"
PUBSUB, STATE_STORE = "kafka-pubsub", "statestore"  # the names of its components

SAVE = """
local version = redis.pcall('HGET', KEYS[1], 'version')
if type(version) == 'table' then -- a string
    redis.call('DEL', KEYS[1])
    version = false
end
local first_write = redis.call('HGET', KEYS[1], 'first-write')
if version and version ~= ARGV[1] and (first_write or ARGV[1] ~= '0') then
    return redis.error_reply('ERR failed to set key')
end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
if ARGV[3] == '0' then redis.call('HSET', KEYS[1], 'first-write', 0) end
return redis.call('HINCRBY', KEYS[1], 'version', 1)
"""
DELETE = """
local version = redis.pcall('HGET', KEYS[1], 'version')
if version and type(version) ~= 'table' and version ~= ARGV[1] and ARGV[1] ~= '0' then
    return redis.error_reply('ERR failed to delete')
end
return redis.call('DEL', KEYS[1])
"""


@dataclass
class Message:
    """A record of a topic."""

    value: bytes
    key: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def partition_of(key: str, partitions: int) -> int:
    """By FNV-1a, as the producer of the Kafka component; Java's clients and ours take murmur2."""
    number = 0x811C9DC5
    for byte in key.encode():
        number = ((number ^ byte) * 0x01000193) & 0xFFFFFFFF
    signed = number - 2**32 if number >= 2**31 else number
    return abs(signed) % partitions  # in Go the rest has the sign of the dividend, which is dropped then


class Sidecar:
    """One sidecar beside one replica. `retries` are those of the Resiliency policy; None without a policy."""

    def __init__(self, *topics: str, partitions: int = 3, retries: int | None = 5) -> None:
        self.topics: dict[str, list[list[Message]]] = {}
        for topic in topics:
            self.topics[topic] = [[] for _ in range(partitions)]
            self.topics[f"{topic}.dlq"] = [[]]
        self.retries = retries
        self.app_token: str | None = APP_TOKEN
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.answers: list[tuple[int, str]] = []
        self.refuse: dict[str, int] = {}
        self._read: dict[tuple[str, int], int] = {}

    # --- what it asks the app

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Call the app as the sidecar does: by its address, over http, with the app's token."""
        token = {} if self.app_token is None else {"dapr-api-token": self.app_token}
        own = token | {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-01-01"}
        client = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1", SERVER_PORT="8000")
        kind = headers.pop("content_type", "application/json")
        response = client.generic(method, path, body, kind, headers=headers | own)
        return response.status_code, response.content

    def start(self) -> None:
        """Ask for the subscriptions. One whose topic is missing stops all of the component."""
        status, body = self.call("GET", "/dapr/subscribe", **{"dapr-app-id": APP_ID})
        found = json.loads(body) if status == 200 else []
        wanted = {one["topic"]: one for one in found if one["routes"].get("default")}
        self.subscriptions = wanted if set(wanted) <= set(self.topics) else {}

    def deliver(self) -> None:
        """Give the app each message that it has not had, in the order of its partition."""
        for topic, subscription in self.subscriptions.items():
            for number, partition in enumerate(self.topics[topic]):
                for message in partition[self._read.get((topic, number), 0) :]:
                    if not self._deliver(message, subscription):
                        break  # its offset stays, and so do those behind it
                    self._read[topic, number] = self._read.get((topic, number), 0) + 1

    def deliver_again(self) -> None:
        """What happens when its group loses its offsets."""
        self._read.clear()
        self.deliver()

    def fire_cron(self, *, asks_first: bool = False) -> tuple[int, bytes]:
        """Once a minute, whatever the sidecars of other replicas do."""
        if asks_first and self.call("OPTIONS", "/reminder-cron")[0] // 100 != 2:
            return 0, b"not subscribed"
        return self.call(
            "POST", "/reminder-cron", timezone="UTC", readtimeutc="2026-03-02 12:00:00 +0000 UTC"
        )

    def _deliver(self, message: Message, subscription: dict[str, Any]) -> bool:
        """Whether its offset is committed: it was taken, dropped, or is on the dead-letter topic."""
        try:
            if not isinstance(json.loads(message.value), dict):
                raise ValueError
        except ValueError:
            return self._to_dead_letters(message, subscription)
        for _ in range(1 + (self.retries or 0)):
            match self._one_attempt(message, subscription):
                case "SUCCESS":
                    return True
                case "DROP":
                    return self._to_dead_letters(message, subscription)
        # Without end with the policy that we ship: the message stays. Without any, one failure was enough.
        return False if self.retries else self._to_dead_letters(message, subscription)

    def _one_attempt(self, message: Message, subscription: dict[str, Any]) -> str:
        headers = message.headers | ({"__key": message.key} if message.key else {})
        headers |= {"__topic": subscription["topic"], "pubsubname": subscription["pubsubname"]}
        status, body = self.call(
            "POST",
            subscription["routes"]["default"],
            message.value,
            content_type="application/cloudevents+json",
            **headers,
        )
        self.answers.append((status, body.decode()))
        if status == 404:
            return "DROP"
        if status // 100 != 2:
            return "RETRY"
        try:
            answer = json.loads(body).get("status") or "SUCCESS"
        except ValueError:
            return "SUCCESS"
        return answer if answer in ("SUCCESS", "DROP") else "RETRY"

    def _to_dead_letters(self, message: Message, subscription: dict[str, Any]) -> bool:
        name = subscription.get("deadLetterTopic")
        if not name:
            return True
        if name in self.topics:
            self.topics[name][0].append(message)
        return name in self.topics

    # --- what the app asks it

    def publish(self, topic: str, body: bytes, content_type: str, metadata: dict[str, str]) -> int:
        """204, or 500 for a topic that is not there."""
        if self.refuse.get(topic, 0):
            self.refuse[topic] -= 1
            return 500
        if topic not in self.topics:
            return 500
        if metadata.get("rawPayload") == "true":
            self.put(topic, body, key=metadata.get("partitionKey"), headers=metadata)
            return 204
        if content_type.startswith("application/cloudevents+json"):
            event = json.loads(body)
        else:
            event = envelope(body, content_type)
        event = {"traceid": "", "traceparent": "", "tracestate": ""} | event
        event |= {"topic": topic, "pubsubname": PUBSUB}
        value = json.dumps(event, sort_keys=True).encode()
        key = metadata.get("partitionKey")
        self.put(topic, value, key=key, headers=metadata)
        return 204

    def put(
        self, topic: str, value: bytes, *, key: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        """Put a record on the topic, as any program does."""
        partitions = self.topics[topic]
        number = partition_of(key, len(partitions)) if key else 0
        partitions[number].append(Message(value, key, headers or {}))

    @contextmanager
    def serving(self) -> Iterator[int]:
        """Answer the app's calls at a port."""
        handler = type("Handler", (_Handler,), {"sidecar": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            server.server_close()


def envelope(body: bytes, content_type: str) -> dict[str, Any]:
    """What the sidecar makes of a message that is published without an envelope."""
    data: dict[str, Any]
    if content_type.startswith("application/json"):
        data = {"data": json.loads(body)}
    elif content_type.startswith("application/octet-stream"):
        data = {"data_base64": b64encode(body).decode()}
    else:
        data = {"data": body.decode()}
    return {
        "id": str(uuid4()), "specversion": "1.0", "source": "another-app", "type": "com.dapr.event.sent",
        "datacontenttype": content_type, "time": "2026-03-02T12:00:00Z",
    } | data  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sidecar: Sidecar

    def log_message(self, format: str, *args: object) -> None:
        """Not in the tests' output."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if len(self.path) + sum(len(name) + len(text) + 4 for name, text in self.headers.items()) > 4096:
            return self._answer(431)
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        metadata = {
            name.partition(".")[2]: text for name, text in query.items() if name.startswith("metadata.")
        }
        match path.split("/"):
            case ["", "v1.0", *_] if self.headers.get("dapr-api-token") != API_TOKEN:
                self._answer(401)
            case ["", "v1.0", "publish", pubsub, topic] if pubsub == PUBSUB:
                content_type = self.headers.get("Content-Type", "text/plain")
                self._answer(self.sidecar.publish(topic, body, content_type, metadata))
            case ["", "v1.0", "state", store] if store == STATE_STORE:
                self._answer(save_all(json.loads(body)))
            case _:
                self._answer(404)
        return None

    def do_GET(self) -> None:
        key = self._key()
        if key is not None:
            with _valkey() as store:
                try:
                    parts = store.hgetall(key)
                    found = (parts["data"], parts["version"]) if parts else None
                except ResponseError:
                    found = (str(store.get(key)), "")
            if found is None:
                self._answer(204)
            else:
                self._answer(200, found[0].encode(), **({"ETag": found[1]} if found[1] else {}))

    def do_DELETE(self) -> None:
        key = self._key()
        if key is not None:
            with _valkey() as store:
                try:
                    store.eval(DELETE, 1, key, self.headers.get("If-Match") or "0")
                except ResponseError:
                    return self._answer(409, b'{"errorCode": "ERR_STATE_DELETE"}')
            self._answer(204)
        return None

    def _key(self) -> str | None:
        """The key of the path; None when the request is refused, and answered."""
        key = unquote(self.path.rpartition("/")[2])
        if self.headers.get("dapr-api-token") != API_TOKEN:
            self._answer(401)
        elif not self.path.startswith(f"/v1.0/state/{STATE_STORE}/") or "||" in key:
            self._answer(400)
        else:
            return key
        return None

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def save_all(items: Any) -> int:
    """204; 400 for a body that is no list of items, 409 for an etag that is no longer the present one."""
    if not isinstance(items, list) or any(not one.get("key") or "||" in one["key"] for one in items):
        return 400
    with _valkey() as store:
        for one in items:
            options, metadata = one.get("options", {}), one.get("metadata", {})
            etag = "0" if options.get("concurrency") == "last-write" else one.get("etag") or "0"
            if not etag.isdigit():
                return 400
            first_write = "0" if options.get("concurrency") == "first-write" else "1"
            data = json.dumps(one["value"], ensure_ascii=False)
            try:
                store.eval(SAVE, 1, one["key"], etag, data, first_write)
            except ResponseError:
                return 409 if one.get("etag") else 500
            if seconds := int(metadata.get("ttlInSeconds", 0)):
                store.expire(one["key"], seconds)
    return 204


def _valkey() -> Redis:
    return Redis.from_url(settings.REDIS_URL, decode_responses=True)
