"""One POST to the checked address: the name's certificate, bounded in time and size, no redirects."""

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from notifications_app import pinned_http
from notifications_app.endpoints import Endpoint
from notifications_app.pinned_http import Answer, UnreachableError, post

LOCAL = ["127.0.0.1"]
# The status has to come in this time: on a busy machine not always in the first.
LONGER_AND_LONGER = (0.2, 1.0, 5.0, 25.0)


@contextmanager
def answering(
    answer: bytes, wrap: Callable[[socket.socket], socket.socket] = lambda s: s, drip: bytes = b""
) -> Iterator[int]:
    """A server that says `answer` to one request, whatever it is; its port.

    Then it says no more, or `drip` again and again, until the client has gone.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        try:
            connection, _ = listening.accept()
            with closing(wrap(connection)) as peer:
                while b"hello" not in peer.recv(65536):
                    pass
                peer.sendall(answer)
                while not done.wait(0.02 if drip else 10):
                    peer.sendall(drip)
        except OSError:
            pass  # the client did not like us

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        done.set()
        listening.close()
        thread.join(10)


def send(port: int, *, scheme: str = "http", host: str = "push.example.test") -> Answer:
    return post(Endpoint(scheme, host, port, "/a"), lambda: LOCAL, body=b"hello", headers={"TTL": "1"})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned_http, "READ_SECONDS", 0.2)


def test_an_answer_has_status_retry_after_and_the_beginning_of_its_text() -> None:
    with answering(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nwait\0") as port:
        assert send(port) == Answer(429, "7", "wait")


def test_a_redirect_is_an_answer() -> None:
    with answering(b"HTTP/1.1 307 No\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") as port:
        assert send(port).status == 307


def test_an_endless_answer_is_read_to_a_bound() -> None:
    with answering(b"HTTP/1.1 403 No\r\n\r\n" + b"x" * 100_000) as port:
        assert send(port).text == "x" * 1000


def test_a_body_that_never_comes_does_not_undo_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds in LONGER_AND_LONGER:
        monkeypatch.setattr(pinned_http, "READ_SECONDS", seconds)
        with (
            answering(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n") as port,
            suppress(UnreachableError),
        ):
            assert send(port) == Answer(201, None, "")
            return
    pytest.fail("The status did not count.")


@pytest.mark.usefixtures("impatient")
def test_silence_is_no_answer() -> None:
    with answering(b"") as port, pytest.raises(UnreachableError, match="timed out"):
        send(port)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 2", b"HTTP/1.1 100 Continue\r\nA: "])
def test_an_answer_that_comes_a_byte_at_a_time_is_cut_off(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinned_http, "ANSWER_SECONDS", 0.3)
    with answering(begun, drip=b"0") as port, pytest.raises(UnreachableError):
        send(port)


@pytest.mark.parametrize("length", [b"", b"Content-Length: 900\r\n"])
def test_a_body_that_comes_a_byte_at_a_time_does_not_undo_the_status(
    length: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in LONGER_AND_LONGER:
        monkeypatch.setattr(pinned_http, "ANSWER_SECONDS", seconds)
        head = b"HTTP/1.1 429 Slow\r\n" + length + b"\r\n"
        with answering(head, drip=b"x") as port, suppress(UnreachableError):
            started = time.monotonic()
            assert send(port).status == 429
            assert time.monotonic() - started < seconds + 10
            return
    pytest.fail("The status did not count.")


@pytest.mark.parametrize("answer", [b"\0\1\2\3\n\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_noise_is_no_answer(answer: bytes) -> None:
    with answering(answer) as port, pytest.raises(UnreachableError):
        send(port)


def test_no_one_there_is_no_answer() -> None:
    with pytest.raises(UnreachableError, match="refused"):
        send(1)


# --- TLS --------------------------------------------------------------------------------------------------


@pytest.fixture
def server_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ssl.SSLContext]]:
    """`server_of(name)`: a TLS server with a certificate for the name, by an authority that we trust."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("Test authority", authority_key, authority_key, is_authority=True)
    (tmp_path / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    pinned_http._tls.cache_clear()

    def make(name: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, key, authority_key, is_authority=False)
        (tmp_path / "server.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.pem")
        return context

    yield make
    pinned_http._tls.cache_clear()


_MAY_SIGN = x509.KeyUsage(
    digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, *, is_authority: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test authority")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if is_authority:  # Python 3.13 accepts none that does not say so
        builder = builder.add_extension(_MAY_SIGN, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def test_the_certificate_is_checked_against_the_name_not_the_address(
    server_of: Callable[[str], ssl.SSLContext],
) -> None:
    asked_for: list[str | None] = []
    context = server_of("push.example.test")
    context.sni_callback = lambda _socket, name, _context: asked_for.append(name)

    def wrap(connection: socket.socket) -> socket.socket:
        return context.wrap_socket(connection, server_side=True)

    with answering(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", wrap) as port:
        assert send(port, scheme="https").status == 201
    assert asked_for == ["push.example.test"]


def test_another_names_certificate_is_refused(server_of: Callable[[str], ssl.SSLContext]) -> None:
    context = server_of("elsewhere.example.test")

    def wrap(connection: socket.socket) -> socket.socket:
        return context.wrap_socket(connection, server_side=True)

    with (
        answering(b"HTTP/1.1 201 Created\r\n\r\n", wrap) as port,
        pytest.raises(UnreachableError, match=r"(?i)certificate"),
    ):
        send(port, scheme="https")


def test_an_unknown_authority_is_refused(
    server_of: Callable[[str], ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = server_of("push.example.test")
    monkeypatch.delenv("SSL_CERT_FILE")
    pinned_http._tls.cache_clear()

    def wrap(connection: socket.socket) -> socket.socket:
        return context.wrap_socket(connection, server_side=True)

    with (
        answering(b"HTTP/1.1 201 Created\r\n\r\n", wrap) as port,
        pytest.raises(UnreachableError, match=r"(?i)certificate"),
    ):
        send(port, scheme="https")


def test_a_handshake_that_comes_a_byte_at_a_time_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned_http, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = threading.Event()

        def drip() -> None:
            with closing(listening.accept()[0]) as peer:
                record = b"\x16\x03\x03\x40\x00"  # a record of 16 kB that never ends
                while not done.wait(0.02):
                    try:
                        peer.sendall(record or b"\x02")
                    except OSError:
                        return
                    record = b""

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        with pytest.raises(UnreachableError):
            send(listening.getsockname()[1], scheme="https")
        assert time.monotonic() - started < 10
        done.set()
        thread.join()
