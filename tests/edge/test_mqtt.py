"""Telemetry by MQTT, against a small broker that implements just enough of MQTT 3.1.1."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from brume_edge.config import load
from brume_edge.mqtt import Mqtt
from brume_edge.part import Decision, Part

from tests.edge.conveyor import write_config
from tests.polling import until


class Broker:
    """A double of a broker: takes one client, acknowledges, and keeps what is published."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.published: list[tuple[str, bytes, bool]] = []
        self.login = b""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        link, _ = self.listener.accept()
        with link, link.makefile("rb") as stream:
            while head := stream.read(1):
                length = shift = 0
                while True:
                    [byte] = stream.read(1)
                    length |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                body = stream.read(length)
                kind = head[0] >> 4
                if kind == 1:  # CONNECT
                    self.login = body
                    link.sendall(b"\x20\x02\x00\x00")
                elif kind == 3:  # PUBLISH
                    size = int.from_bytes(body[:2], "big")
                    topic, rest = body[2 : 2 + size].decode(), body[2 + size :]
                    if head[0] & 6:
                        link.sendall(b"\x40\x02" + rest[:2])
                        rest = rest[2:]
                    self.published.append((topic, rest, bool(head[0] & 1)))

    def close(self) -> None:
        self._thread.join(10)
        self.listener.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


def test_state_alarms_and_decisions_are_published(tmp_path: Path, broker: Broker) -> None:
    (tmp_path / "password").write_text("open sesame\n")
    mqtt = f"""[mqtt]
host = "127.0.0.1"
port = {broker.port}
tls = false
username = "line"
password_file = "password"
"""
    link = Mqtt(load(write_config(tmp_path, "http://127.0.0.1:9", "", more=mqtt)))
    until(lambda: bool(broker.published))
    link.alarm("camera", "unplugged")
    link.alarm("camera", "")
    link.settled(Part(7, "token", 0.0, True, lambda *_: None), Decision(True, "bundle", 0.9))
    until(lambda: len(broker.published) == 4)
    link.close()
    broker.close()
    assert b"open sesame" in broker.login
    assert broker.login.count(b"offline") == 1, "what the broker publishes when the device vanishes"
    online, raised, over, part, offline = broker.published
    assert online == ("brume/edge/line-1/state", b"online", True)
    assert raised == ("brume/edge/line-1/alarm/camera", b"unplugged", True)
    assert over == ("brume/edge/line-1/alarm/camera", b"", True)
    assert part[0] == "brume/edge/line-1/part"
    assert json.loads(part[1]) == {
        "part": 7,
        "token": "token",
        "reject": True,
        "by": "bundle",
        "confidence": 0.9,
        "late": False,
    }
    assert offline == ("brume/edge/line-1/state", b"offline", True)
