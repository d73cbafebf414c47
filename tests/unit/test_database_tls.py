"""Who passes for the database: whoever has a certificate of its own name under a root of RDS's."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from microbatch.errors import ConfigurationError, RetryLater
from microbatch.platform.database import Database
from microbatch.wiring import parts

NOW = datetime.now(UTC)
ASKS_FOR_TLS = bytes.fromhex("0000000804d2162f")  # Postgres's SSLRequest
REGIONS = {"us-east-1", "eu-central-1", "eu-west-1", "ap-southeast-1", "sa-east-1"}


def roots() -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(parts.RDS_ROOTS.read_bytes())


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """A root of the test's own, which makes certificates for servers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(named("root"), self._key, x509.BasicConstraints(True, None))
        self.path = folder / "root.pem"
        self.path.write_bytes(certificate.public_bytes(Encoding.PEM))

    def server(self, address: str) -> Path:
        """A server's key and certificate, of an address, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))])
        certificate = self._signed(named(address), key, names)
        path = self._folder / f"{address}.pem"
        held = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(held + certificate.public_bytes(Encoding.PEM))
        return path

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            issuer_name=named("root"),
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=NOW - timedelta(days=1),
            not_valid_after=NOW + timedelta(days=1),
        )
        signed = builder.add_extension(extension, critical=True)
        return signed.sign(self._key, hashes.SHA256())


@contextmanager
def server(certificate: Path | None) -> Iterator[tuple[int, list[bytes]]]:
    """Takes one connection as Postgres does: its port, and what it has heard inside of TLS."""
    heard: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError), listening.accept()[0] as plain:
            assert plain.recv(8) == ASKS_FOR_TLS
            if certificate is None:
                plain.sendall(b"N")
                heard.append(plain.recv(1024))
                return
            plain.sendall(b"S")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            with context.wrap_socket(plain, server_side=True) as secured:
                heard.append(secured.recv(1024))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1], heard
    finally:
        listening.close()
        thread.join(timeout=10)


def connected(certificate: Path | None, tls: dict[str, str]) -> tuple[str, list[bytes]]:
    """(why a connection came to nothing, what the server has heard by then)."""
    with server(certificate) as (port, heard):
        fields = {
            "host": "127.0.0.1", "port": port, "dbname": "d", "username": "u", "password": "p",
        }  # fmt: skip
        database = Database(lambda _fresh: fields, tls=tls)
        with pytest.raises(RetryLater) as failure, database.transaction():
            pass
    return str(failure.value), [each for each in heard if each]


@pytest.fixture
def tls(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the functions are deployed with."""
    monkeypatch.setenv("DATABASE_SSLMODE", "verify-full")
    return parts.database_tls()


def test_a_server_with_somebody_elses_certificate_hears_nothing(
    tmp_path: Path, tls: dict[str, str]
) -> None:
    reason, heard = connected(Authority(tmp_path).server("127.0.0.1"), tls)

    assert "certificate verify failed" in reason
    assert heard == []


def test_a_server_without_tls_hears_nothing(tls: dict[str, str]) -> None:
    reason, heard = connected(None, tls)

    assert "does not support SSL" in reason
    assert heard == []


@pytest.mark.parametrize(("address", "is_heard"), [("127.0.0.1", True), ("127.0.0.2", False)])
def test_a_server_of_a_known_root_is_heard_by_its_own_name_alone(
    tmp_path: Path, tls: dict[str, str], address: str, is_heard: bool
) -> None:
    authority = Authority(tmp_path)
    ours = tls | {"sslrootcert": str(authority.path)}

    reason, heard = connected(authority.server(address), ours)

    assert bool(heard) is is_heard
    assert ("does not match host name" in reason) is not is_heard
    assert not heard or b"user\0u\0" in heard[0]


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "Verify-Full"])
def test_nothing_between_the_two_is_taken(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("DATABASE_SSLMODE", mode)

    with pytest.raises(ConfigurationError, match="DATABASE_SSLMODE is neither"):
        parts.database_tls()


def test_the_roots_are_those_of_rds_each_of_a_region_and_no_others() -> None:
    regions = set()
    for root in roots():
        (name,) = root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        match = re.fullmatch(r"Amazon RDS ([a-z-]+-[0-9]) Root CA RSA2048 G1", str(name.value))
        assert match, name.value
        root.verify_directly_issued_by(root)
        assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert root.not_valid_after_utc.year >= 2061
        regions.add(match[1])

    assert regions >= REGIONS
    assert len(regions) == len(roots()) == 27
