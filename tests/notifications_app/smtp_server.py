"""A mail server on this machine: it keeps what it takes, and refuses what a test wants refused (RFC 5321)."""

import socket
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Lock, Thread

from notifications_app.channels import kept_mail_servers


class MailServer(socketserver.ThreadingTCPServer):
    """`answers`: what it says to a command instead of taking it, such as {"RCPT": "550 5.1.1 Unknown"}."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.answers: dict[str, str] = {}
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.sessions = 0
        self.connected: list[socket.socket] = []
        self.lock = Lock()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    def close_sessions(self) -> None:
        """As a server does to clients that say nothing for long."""
        while self.connected:
            self.connected.pop().shutdown(socket.SHUT_RDWR)


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        with self.server.lock:
            self.server.sessions += 1
            self.server.connected.append(self.connection)
        with suppress(ConnectionResetError):  # a client may leave without a word
            self._talk()

    def _talk(self) -> None:
        self._say(self.server.answers.get("CONNECT", "220 mail.example.test"))
        while line := self.rfile.readline():
            command = line.decode().strip()
            verb = command.upper()[:4]
            if answer := self.server.answers.get(verb):
                self._say(answer)
            elif verb == "DATA":
                self._take()
            else:
                if verb == "RCPT":
                    self.server.recipients.append(command.partition("<")[2].partition(">")[0])
                self._say("221 Bye" if verb == "QUIT" else "250 OK")
            if verb == "QUIT":
                return

    def _take(self) -> None:
        self._say("354 Go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        if answer := self.server.answers.get("END"):
            self._say(answer)
            return
        with self.server.lock:
            self.server.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
        self._say("250 OK")

    def _say(self, answer: str) -> None:
        self.wfile.write(f"{answer}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        kept_mail_servers.close_idle()
        server.shutdown()
        thread.join()
