import socket


def free_port() -> int:
    """A port of 127.0.0.1 where nobody listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
