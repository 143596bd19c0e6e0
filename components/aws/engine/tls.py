"""TLS of an engine: certificates given by the user, or of an authority in the data folder.

The folder holds ca.pem and ca.key (the authority), server.pem (the server's key and certificate), and
bundle.pem for clients: the authority beside those that botocore trusts, so that AWS itself stays reachable.
Keys are readable by their owner alone. What ends soon is made anew, at the start and while the engine runs.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from brume.aws.engine.catalog import EngineError

NAMES = ("localhost", "127.0.0.1", "::1")
SERVER_DAYS, AUTHORITY_DAYS = 397, 3650  # 397: what browsers take at most
RENEW_DAYS = 30  # before the end
_CHECK_SECONDS = 12 * 3600.0


@dataclass(frozen=True)
class Tls:
    """What the server listens with, and the file by which clients trust it ("" for given certificates)."""

    context: ssl.SSLContext
    bundle: str = ""


def given(certificate: Path, key: Path) -> Tls:
    """Use the user's own certificate chain and key. Raises `EngineError` when they cannot be used."""
    return Tls(_context(certificate, key))


def own(folder: Path, names: Sequence[str] = (), now: datetime | None = None) -> Tls:
    """Use the authority in `folder`, made if absent, for `NAMES` and further host names or addresses.

    Raises `EngineError` for a name that is neither.
    """
    ensure(folder, names, now)
    return Tls(_context(folder / "server.pem", None), str(folder / "bundle.pem"))


def keep(tls: Tls, folder: Path, names: Sequence[str]) -> None:
    """Renew an own certificate while the process runs; connections made after that have the new one."""

    def check() -> None:
        while not threading.Event().wait(_CHECK_SECONDS):
            ensure(folder, names)
            tls.context.load_cert_chain(folder / "server.pem")

    threading.Thread(target=check, name="certificates", daemon=True).start()


def _context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        files = f"{certificate} and {key}" if key else str(certificate)
        raise EngineError(f"{files}: no certificate and key for TLS can be read: {error}") from None
    return context


def ensure(folder: Path, names: Sequence[str], now: datetime | None = None) -> None:
    """Make what is absent in `folder`, ends soon (an authority: before a server's would), or lacks a name."""
    now = now or datetime.now(UTC)
    wanted = [_general_name(name) for name in dict.fromkeys((*NAMES, *names))]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        authority, server = _read(folder / "ca.pem"), _read(folder / "server.pem")
        if authority is None or _ends(authority, now, SERVER_DAYS):
            authority, server = _make_authority(folder, now), None
        if server is None or _ends(server, now, RENEW_DAYS) or not _names(server) >= set(wanted):
            _make_server(folder, authority, now, wanted)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError:
        raise EngineError(f"{name!r} is no host name or address that a certificate can have") from None


def _read(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


def _names(certificate: x509.Certificate) -> set[x509.GeneralName]:
    return set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def _ends(certificate: x509.Certificate, now: datetime, days: int) -> bool:
    return certificate.not_valid_after_utc < now + timedelta(days=days)


def _make_authority(folder: Path, now: datetime) -> x509.Certificate:
    """Write a new authority, and the bundle that holds it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Brume on {socket.gethostname()}"[:64])])
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    trusted = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
    _write(folder / "ca.key", _pem(key), 0o600)
    _write(folder / "bundle.pem", pem + trusted, 0o644)
    _write(folder / "ca.pem", pem, 0o644)
    return certificate


def _make_server(
    folder: Path, authority: x509.Certificate, now: datetime, names: list[x509.GeneralName]
) -> None:
    signer = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "brume engine")])
    certificate = (
        _builder(name, authority.subject, key.public_key(), now, SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    # One file, so that key and certificate are replaced together.
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    _write(folder / "server.pem", pem + _pem(key), 0o600)


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**(dict.fromkeys(names, False) | given))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
