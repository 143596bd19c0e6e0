"""Certificates of an engine: who trusts them, and when they are made anew."""

from __future__ import annotations

import socket
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import h2.connection
import h2.events
import pytest

from brume.aws.engine import tls
from brume.aws.engine.catalog import EngineError
from brume.aws.wire.http.limits import ConnectionLimits
from tests.aws.serving import serve_app
from tests.aws.test_http import client, echo


def test_http2_and_http1_share_a_port_of_tls(tmp_path: Path) -> None:
    made = tls.own(tmp_path)
    with serve_app(echo, tls=made.context) as url:
        with client(url, Path(made.bundle)) as one:
            stream = one.request("/echo")
            one.next(h2.events.ResponseReceived)
            one.data(stream, b"part")
            assert one.next(h2.events.DataReceived).data == b"part"
            one.data(stream, b"", end=True)
            assert one.answer(stream) == b"by 2"
        named = url.replace("127.0.0.1", "localhost")
        with urlopen(f"{named}/early", context=ssl.create_default_context(cafile=made.bundle)) as answer:
            assert answer.read() == b"by 1.1"
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            urlopen(f"{url}/early", context=ssl.create_default_context())


def test_what_comes_with_the_end_of_the_handshake_is_answered_encrypted(tmp_path: Path) -> None:
    """AWS's clients in C send both in one packet; HTTP/2 is answered at once, with the settings."""
    made = tls.own(tmp_path)
    context = ssl.create_default_context(cafile=made.bundle)
    with serve_app(echo, tls=made.context) as url:
        parts = urlsplit(url)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname=parts.hostname)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:

            def exchange() -> None:
                connection.sendall(outgoing.read())
                data = connection.recv(1 << 16)
                assert data, "the server closed the connection"
                incoming.write(data)

            while True:
                try:
                    session.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    exchange()
            assert outgoing.pending  # the end of the handshake waits for the first frames
            one = h2.connection.H2Connection()
            one.initiate_connection()
            session.write(one.data_to_send())
            events: list[h2.events.Event] = []
            while not events:
                try:
                    events = one.receive_data(session.read())
                except ssl.SSLWantReadError:
                    exchange()
    assert isinstance(events[0], h2.events.RemoteSettingsChanged)


def test_handshakes_that_do_not_end_are_let_go_and_make_room(tmp_path: Path) -> None:
    made = tls.own(tmp_path)
    limits = ConnectionLimits(connections=3, header_seconds=600)
    with serve_app(echo, tls=made.context, connections=limits) as url:
        parts = urlsplit(url)
        address = (parts.hostname or "", parts.port or 0)
        slow = [socket.create_connection(address, timeout=30) for _ in range(3)]
        with client(url, Path(made.bundle)) as one:
            assert one.answer(one.request("/early", end=True)) == b"by 2"
        assert slow[0].recv(10) == b""
        for connection in slow:
            connection.close()
    with serve_app(echo, tls=made.context, connections=ConnectionLimits(header_seconds=0.2)) as url:
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n")  # no TLS
            while connection.recv(100):
                pass


def test_what_ends_or_lacks_a_name_is_made_anew(tmp_path: Path) -> None:
    start = datetime.now(UTC)
    files = {name: tmp_path / name for name in ("ca.pem", "server.pem")}

    def contents() -> dict[str, bytes]:
        return {name: path.read_bytes() for name, path in files.items()}

    tls.own(tmp_path, [], start)
    first = contents()
    tls.own(tmp_path, ["127.0.0.1"], start + timedelta(days=360))
    assert contents() == first
    tls.own(tmp_path, ["brume.test"], start)
    named = contents()
    assert named["ca.pem"] == first["ca.pem"]
    assert named["server.pem"] != first["server.pem"]
    tls.own(tmp_path, [], start + timedelta(days=368))
    later = contents()
    assert later["ca.pem"] == first["ca.pem"]
    assert later["server.pem"] != named["server.pem"]
    tls.own(tmp_path, [], start + timedelta(days=3254))
    assert contents()["ca.pem"] != first["ca.pem"]
    for name in ("ca.key", "server.pem"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_given_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("no certificate")
    with pytest.raises(EngineError, match=r"c\.pem and .*k\.pem: no certificate and key"):
        tls.given(tmp_path / "c.pem", tmp_path / "k.pem")
    with pytest.raises(EngineError, match="'bü rume' is no host name"):
        tls.own(tmp_path, ["bü rume"])
