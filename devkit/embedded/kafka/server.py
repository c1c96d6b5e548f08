"""One Kafka node, controller and broker in one process, on 127.0.0.1."""

import os
import re
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from devkit.embedded import StartError
from devkit.embedded.kafka.certificates import write_certificates
from devkit.embedded.kafka.jars import JAVA_ENVIRONMENT, java, kafka_jars
from devkit.embedded.places import Places
from devkit.embedded.ports import free_port
from devkit.embedded.processes import last_line, open_log, spawn, stop_all

_START_SECONDS = 240  # on a busy machine
# Small and soon ready, which is what development and tests need.
_JAVA = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
_CONFIGURATION = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners={listener}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners={listener}://127.0.0.1:{advertised_port}
inter.broker.listener.name={listener}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
log.dirs={topics}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_SECURE = """\
sasl.enabled.mechanisms=SCRAM-SHA-256
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-256
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={scram} required {login};
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
"""


@dataclass(frozen=True)
class Login:
    """Who may connect, by SCRAM-SHA-256 over TLS."""

    user: str
    password: str


class Kafka:
    """One Kafka process. With a `login` it requires TLS and that name and password.

    `advertised_port` is the port for clients, if it differs (behind a test's proxy).
    """

    name = "kafka"

    def __init__(
        self,
        places: Places,
        *,
        port: int | None = None,
        login: Login | None = None,
        advertised_port: int | None = None,
    ) -> None:
        self._places = places
        self._login = login
        self.port = port or free_port()
        self._advertised_port = advertised_port or self.port
        self._log = places.logs / "kafka.log"
        self._configuration = places.data / "kafka.properties"
        self.certificate_authority: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self._advertised_port}"

    def start(self) -> None:
        """Start it without waiting for it, on the topics that are there.

        Raises StartError when Java, or the means to get the jars, is missing.
        """
        jars = kafka_jars()
        self._configure()
        logging = Path(__file__).with_name("log4j2.properties").as_uri()
        command = [java(), *_JAVA, f"-Dlog4j2.configurationFile={logging}", "-cp", f"{jars}/*"]
        if not (self._topics / "meta.properties").exists():
            self._format(command)
        with open_log(self._log) as log:
            self.process = spawn(
                [*command, "kafka.Kafka", str(self._configuration)],
                places=self._places,
                environment=JAVA_ENVIRONMENT,
                cwd=self._places.data,
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self) -> None:
        """Return when it answers on its port; raises StartError when it does not within some minutes."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process and self.process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.1)
        raise StartError(f"Kafka does not start: {last_line(self._log)} (see {self._log})")

    def stop(self) -> None:
        """Stop it and wait until it has ended; it is killed when that takes more than 10 seconds."""
        stop_all([self.process] if self.process else [], stop_signal=signal.SIGTERM, seconds=10)

    @property
    def _topics(self) -> Path:
        return self._places.data / "topics"

    def _configure(self) -> None:
        text = _CONFIGURATION.format(
            listener="SASL_SSL" if self._login else "PLAINTEXT",
            port=self.port,
            advertised_port=self._advertised_port,
            controller_port=free_port(),
            topics=self._topics,
        )
        if self._login:
            keystore, self.certificate_authority = write_certificates(self._places.secrets)
            text += _SECURE.format(
                scram=_SCRAM,
                login=f'username="{self._login.user}" password="{self._login.password}"',
                keystore=keystore,
                truststore=self.certificate_authority,
            )
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(_in_ascii(text))

    def _format(self, command: list[str]) -> None:
        cluster = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        command = [*command, "kafka.tools.StorageTool", "format"]
        # In one argument each: an id may begin with a dash.
        command += [f"--cluster-id={cluster}", f"--config={self._configuration}"]
        if self._login:
            scram = f"SCRAM-SHA-256=[name={self._login.user},password={self._login.password}]"
            command += ["--add-scram", scram]
        environment = os.environ | JAVA_ENVIRONMENT
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            raise StartError(f"Kafka cannot make its data directory: {done.stdout}{done.stderr}")


def _in_ascii(text: str) -> str:
    """As Java's properties need it: they are read as Latin-1, and any other character is its UTF-16 units."""
    return re.sub(r"[^\x00-\x7f]", lambda found: _units(found[0]), text)


def _units(character: str) -> str:
    encoded = character.encode("utf-16-be")
    return "".join(f"\\u{encoded[at : at + 2].hex()}" for at in range(0, len(encoded), 2))
