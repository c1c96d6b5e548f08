"""HTTP calls to a process, each on a connection of its own."""

import json
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any, NamedTuple


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """What the JSON says; text of another kind as it is."""
        text = self.content.decode()
        is_json = "json" in self.headers.get("Content-Type", "")
        return json.loads(text) if is_json and text else text


def call(
    port: int, method: str, path: str, body: object = None, *, token: str = "", **headers: str
) -> Answer:
    """Send a request to this port; header names with `_` for `-`. Raises OSError and HTTPException."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    if body is not None:
        sent["Content-Type"] = "application/json"
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()
