import secrets
import socket

# Below what systems give to outgoing connections: one of those could take the port before its server does.
PORTS = range(15_000, 32_000)
# A server may begin to listen a while after it was given its port, which is free until then.
_given: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 that is free, as is the next one, which the stream uses; never the same again."""
    while True:
        port = secrets.choice(PORTS)
        if {port, port + 1} & _given:
            continue
        with socket.socket() as probe, socket.socket() as beside:
            try:
                probe.bind(("127.0.0.1", port))
                beside.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            _given.update((port, port + 1))
            return port
