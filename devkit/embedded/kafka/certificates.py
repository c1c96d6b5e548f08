"""A certificate authority of our own and a certificate for 127.0.0.1, so that TLS can be tested for real."""

from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

_VALID = timedelta(days=30)
_AUTHORITY = "To-do backend, development"


def write_certificates(folder: Path) -> tuple[Path, Path]:
    """Make both; the PEM files: the server's key and certificate, the authority's certificate."""
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate(_AUTHORITY, authority_key, _AUTHORITY, authority_key, ca=True)
    server = _certificate("127.0.0.1", server_key, _AUTHORITY, authority_key, ca=False)
    keystore, truststore = folder / "server.pem", folder / "authority.pem"
    keystore.touch(mode=0o600)
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    keystore.write_bytes(private + server.public_bytes(serialization.Encoding.PEM))
    truststore.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    return keystore, truststore


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    ca: bool,
) -> x509.Certificate:
    now = timezone.now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
    )
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
