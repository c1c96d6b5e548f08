"""`./todo kafka`: a real Apache Kafka in the foreground, until Ctrl-C or SIGTERM."""

import os

from todo_project.commands.stopping import StopRequested, stop_on_signals
from todo_project.embedded import StartError
from todo_project.embedded.claim import claim
from todo_project.embedded.kafka.jars import version
from todo_project.embedded.kafka.server import Kafka
from todo_project.embedded.places import Places, places_of_this_checkout
from todo_project.embedded.processes import stop_leftovers


def run(_arguments: list[str]) -> int:
    places = Places(data=places_of_this_checkout().data / "kafka")
    kafka = Kafka(places, port=_port())
    try:
        with stop_on_signals(), claim(places, command="kafka", url=kafka.bootstrap_servers):
            stop_leftovers(places)
            _serve(kafka)
    except StopRequested:
        print("./todo: stopped.", flush=True)
    return 0


def _port() -> int:
    port = os.environ.get("KAFKA_PORT") or "9092"
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise StartError(f"KAFKA_PORT is {port!r}; it must be a number from 1 to 65535.")
    return int(port)


def _serve(kafka: Kafka) -> None:
    try:
        kafka.start()
        kafka.wait_until_ready()
        print(
            f"Ready: Apache Kafka {version()}, KAFKA_BOOTSTRAP_SERVERS={kafka.bootstrap_servers}", flush=True
        )
        assert kafka.process is not None
        raise StartError(f"Kafka ended by itself with exit code {kafka.process.wait()}.")
    finally:
        kafka.stop()
