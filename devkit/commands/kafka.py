"""`./todo kafka`: a real Apache Kafka in the foreground, until Ctrl-C or SIGTERM."""

import os

from devkit.commands.stopping import StopRequested, stop_on_signals
from devkit.embedded import StartError
from devkit.embedded.claim import claim
from devkit.embedded.kafka.jars import version
from devkit.embedded.kafka.server import Kafka
from devkit.embedded.output import say
from devkit.embedded.places import Places, places_of_this_checkout
from devkit.embedded.processes import stop_leftovers


def run(_arguments: list[str]) -> int:
    places = Places(data=places_of_this_checkout().data / "kafka")
    kafka = Kafka(places, port=_port())
    try:
        with stop_on_signals(), claim(places, command="kafka", url=kafka.bootstrap_servers):
            stop_leftovers(places)
            _serve(kafka)
    except StopRequested:
        say("./todo: stopped.")
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
        say(f"Ready: Apache Kafka {version()}, KAFKA_BOOTSTRAP_SERVERS={kafka.bootstrap_servers}")
        assert kafka.process is not None
        raise StartError(f"Kafka ended by itself with exit code {kafka.process.wait()}.")
    finally:
        kafka.stop()
