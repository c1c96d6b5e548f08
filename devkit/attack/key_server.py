"""The public keys of an identity provider: served as they should be, or a byte a second."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

_KEY_ID = "attack"


class KeyServer:
    """At `url`, until the block ends. With `drips` it never comes to an end of its answer."""

    def __init__(self) -> None:
        self.drips = False
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True) | {"kid": _KEY_ID, "alg": "ES256"}
        self._content = json.dumps({"keys": [public]}).encode()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks"

    def __enter__(self) -> "KeyServer":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, claims: dict[str, Any], key_id: str = _KEY_ID) -> str:
        """A token of the provider with these claims."""
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": key_id})

    def _parts(self) -> Iterator[bytes]:
        if not self.drips:
            yield self._content
            return
        for byte in self._content:
            yield bytes([byte])
            time.sleep(1)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(server._content)))
                self.end_headers()
                with suppress(ConnectionError):  # the other side has had enough
                    for part in server._parts():
                        self.wfile.write(part)

            def log_message(self, *_arguments: object) -> None:
                """Nothing: the table is the output."""

        return Handler
