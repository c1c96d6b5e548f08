import secrets
import socket

# Below what systems give to outgoing connections: one of those could take the port before its server does.
_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """A port of 127.0.0.1 that is free, as is the next one, which the stream uses."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, socket.socket() as beside:
            try:
                probe.bind(("127.0.0.1", port))
                beside.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
