"""The client: real signatures and certificates, checked by a real server; its errors."""

from __future__ import annotations

import datetime
import gc
import http.server
import ipaddress
import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from brume_edge import service as module
from brume_edge.config import load
from brume_edge.part import Answer
from brume_edge.service import NoCredentialsError, RefusedError, Service, UnavailableError

from tests.edge.conveyor import faulty, picture, write_config
from tests.edge.site import Inspector, Site

opened: list[Service] = []


def client(folder: Path, url: str) -> Service:
    opened.append(Service(load(write_config(folder, url, "")).service))
    return opened[-1]


@pytest.fixture(autouse=True)
def connections() -> Iterator[None]:
    yield
    while opened:
        opened.pop().close()


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    return Inspector()


@pytest.fixture(scope="module")
def site(inspector: Inspector) -> Iterator[Site]:
    with Site(inspector) as site:
        yield site


@pytest.mark.usefixtures("keys")
def test_a_picture_is_inspected_through_a_verified_signature(
    tmp_path: Path, site: Site, inspector: Inspector
) -> None:
    service = client(tmp_path, site.url)
    assert service.detect(picture(1), "a" * 32) == Answer(faulty(1), 0.95)
    assert inspector.types == {"image/jpeg"}
    inspector.refusing = {2}
    with pytest.raises(RefusedError, match="not a picture of a part"):
        service.detect(picture(2), "b" * 32)
    inspector.failing = "InternalServerException"
    with pytest.raises(UnavailableError, match="HTTP 500 InternalServerException"):
        service.detect(picture(1), "a" * 32)
    inspector.failing = ""


@pytest.mark.usefixtures("keys")
def test_a_wrong_secret_is_reported_without_showing_it(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another secret")
    with pytest.raises(UnavailableError, match="HTTP 403 InvalidSignatureException") as raised:
        client(tmp_path, site.url).detect(picture(1), "a" * 32)
    assert "another secret" not in str(raised.value)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("hours", [-30, 2])
def test_a_device_whose_clock_is_wrong_signs_at_the_services_time(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    class Wrong(datetime.datetime):
        @classmethod
        def now(cls, zone: datetime.tzinfo | None = None) -> datetime.datetime:
            return datetime.datetime.now(zone) + datetime.timedelta(hours=hours)

    monkeypatch.setattr(module, "datetime", Wrong)
    service = client(tmp_path, site.url)
    assert service.detect(picture(1), "a" * 32).confidence == 0.95
    assert service.detect(picture(1), "a" * 32).confidence == 0.95


def test_credentials_come_from_the_shared_file_and_their_absence_is_reported(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with pytest.raises(NoCredentialsError, match="AWS_ACCESS_KEY_ID"):
        client(tmp_path, site.url).detect(picture(1), "a" * 32)
    text = "[default]\naws_access_key_id = AKIDTEST\naws_secret_access_key = secret of the tests\n"
    (tmp_path / "credentials").write_text(text)
    assert client(tmp_path, site.url).detect(picture(1), "a" * 32).confidence == 0.95


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    """Serve one answer to everything, as a proxy between a device and its service does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


RESULT = {"DetectAnomalyResult": {"IsAnomalous": True, "Confidence": 0.8}}


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Welcome to the guests' network</html>"),
        (200, b'{"DetectAnomalyResult": {"IsAnomalous": "no", "Confidence": 0.8}}'),
        (200, b'{"DetectAnomalyResult": {"IsAnomalous": true, "Confidence": 8}}'),
        (200, b"[]"),
        (302, b""),
        (502, b"bad gateway"),
        (400, b"bad request"),
    ],
)
def test_what_is_not_the_services_answer_decides_nothing(tmp_path: Path, status: int, body: bytes) -> None:
    with answering(status, body, Location="http://127.0.0.1:9/") as url, pytest.raises(UnavailableError):
        client(tmp_path, url).detect(picture(1), "a" * 32)


@pytest.mark.usefixtures("keys")
def test_a_throttling_service_is_given_the_time_it_asks_for(tmp_path: Path) -> None:
    error = {"x_amzn_ErrorType": "ThrottlingException", "Retry_After": "7"}
    with answering(429, b"{}", **error) as url, pytest.raises(UnavailableError) as raised:
        client(tmp_path, url).detect(picture(1), "a" * 32)
    assert raised.value.retry_after == 7


def certificate(folder: Path) -> dict[str, str]:
    """Write a certificate of 127.0.0.1 that vouches for itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "line")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now.replace(year=2099)
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(made.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return {"ssl_certfile": str(folder / "ca.pem"), "ssl_keyfile": str(folder / "key.pem")}


@pytest.mark.usefixtures("keys")
def test_the_certificate_is_checked(tmp_path: Path, inspector: Inspector) -> None:
    with Site(inspector, **certificate(tmp_path)) as site:
        with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            client(tmp_path, site.url).detect(picture(1), "a" * 32)
        text = write_config(tmp_path, site.url, "").read_text()
        (tmp_path / "ca.toml").write_text(text.replace("[bundle]", 'ca_file = "ca.pem"\n[bundle]'))
        service = Service(load(tmp_path / "ca.toml").service)
        opened.append(service)
        assert service.detect(picture(1), "a" * 32).confidence == 0.95
    with warnings.catch_warnings():  # asyncio does not close a connection whose handshake failed
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.mark.usefixtures("keys")
def test_logs_hold_no_key_and_no_picture(
    tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    import logging

    from brume_edge.telemetry import JsonLines, log_to_stderr

    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        log_to_stderr("debug")
        client(tmp_path, site.url).detect(picture(1), "a" * 32)
        logging.getLogger("brume_edge.test").warning("something", extra={"part": 3})
        log = capsys.readouterr().err
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.getLogger("brume_edge").setLevel(logging.NOTSET)
    assert json.loads(log.splitlines()[-1]) == json.loads(log.splitlines()[-1]) | {
        "event": "something",
        "part": 3,
        "level": "warning",
    }
    assert "secret" not in log and "AKIDTEST" not in log and "Authorization" not in log
    assert JsonLines
