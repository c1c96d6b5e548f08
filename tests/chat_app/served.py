"""The stream's process with the chat, in a thread of the test: real sockets, the test's own database."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any, NamedTuple

import uvicorn

from accounts_app.models import User
from devkit.embedded.ports import free_port
from sync_app.asgi import application
from sync_app.management.commands.serve_stream import StreamServer
from tests.acceptance.calls import Answer, call
from tests.sync_app.conftest import token_of


class Said(NamedTuple):
    event: str
    data: Any


class Chat:
    def __init__(self, port: int) -> None:
        self.port = port
        self._tokens: dict[Any, str] = {}

    def say(self, user: User, message: str, conversation: Any = None, **headers: str) -> Answer:
        """POST /api/chat, with a JSON answer."""
        return self.post(user, self.body(message, conversation), **headers)

    def post(self, user: User, body: Any, **headers: str) -> Answer:
        return call(self.port, "POST", "/api/chat", body, token=self.token(user), **headers)

    def stream(self, user: User, message: str, conversation: Any = None, **headers: str) -> list[Said]:
        """The same turn as events, to their end."""
        with self.following(user, message, conversation, **headers) as events:
            return list(events)

    @contextmanager
    def following(
        self, user: User, message: str, conversation: Any = None, **headers: str
    ) -> Iterator[Iterator[Said]]:
        """The events one by one; leaving the block closes the connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Authorization": f"Bearer {self.token(user)}", "Accept": "text/event-stream"}
        sent["Content-Type"] = "application/json"
        connection.request("POST", "/api/chat", json.dumps(self.body(message, conversation)), sent)
        response = connection.getresponse()
        assert response.status == 200, response.read()

        def events() -> Iterator[Said]:
            fields: dict[str, str] = {}
            for line in response:
                text = line.decode().rstrip("\n")
                if text and not text.startswith(":"):
                    name, _, value = text.partition(": ")
                    fields[name] = value
                elif fields:
                    yield Said(fields["event"], json.loads(fields["data"]))
                    fields = {}

        try:
            yield events()
        finally:
            response.close()
            connection.close()

    def token(self, user: User) -> str:
        if user.pk not in self._tokens:
            self._tokens[user.pk] = token_of(user)
        return self._tokens[user.pk]

    @staticmethod
    def body(message: str, conversation: Any = None) -> dict[str, Any]:
        return {"message": message} | ({"conversation_id": str(conversation)} if conversation else {})


@contextmanager
def served() -> Iterator[Chat]:
    """The settings are those of the block's beginning."""
    port = free_port()
    config = uvicorn.Config(
        application(),
        port=port,
        log_config=None,
        access_log=False,
        ws="none",
        http="h11",
        timeout_graceful_shutdown=1,
    )
    server = StreamServer(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    try:
        yield Chat(port)
    finally:
        server.should_exit = True
        thread.join()
