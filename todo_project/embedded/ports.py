import socket


def free_port() -> int:
    """A port of 127.0.0.1 where nobody listens now, nor at the next one, which is the stream's."""
    while True:
        with socket.socket() as probe, socket.socket() as beside:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            try:
                beside.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
