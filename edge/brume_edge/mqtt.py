"""Telemetry by MQTT: whether the line is up, its alarms, and each decision.

Topics below the configured one and the line's name: `state` ("online" or "offline", retained; the broker
publishes "offline" if the device vanishes), `alarm/KIND` (retained; empty when it is over) and `part`.
"""

from __future__ import annotations

import importlib
import json
import logging
from typing import Any

from brume_edge.part import Decision, Part
from brume_edge.settings import Config, given

_log = logging.getLogger(__name__)


class Mqtt:
    """A connection kept up in the background; nothing waits for it or fails without it."""

    def __init__(self, config: Config) -> None:
        """Begin to connect.

        Raises ImportError if paho-mqtt is missing, OSError if a file cannot be read.
        """
        paho = importlib.import_module("paho.mqtt.client")
        mqtt = config.mqtt
        self._topic = f"{mqtt.topic.rstrip('/')}/{config.line.name}"
        self._client: Any = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=f"brume-edge-{config.line.name}"
        )
        self._client.max_queued_messages_set(1000)
        if mqtt.tls:
            self._client.tls_set(ca_certs=str(mqtt.ca_file) if given(mqtt.ca_file) else None)
        if mqtt.username:
            password = mqtt.password_file.read_text().strip() if given(mqtt.password_file) else None
            self._client.username_pw_set(mqtt.username, password)
        self._client.will_set(f"{self._topic}/state", "offline", qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.connect_async(mqtt.host, mqtt.port, keepalive=30)
        self._client.loop_start()

    def _connected(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            _log.warning("the MQTT broker refuses", extra={"cause": str(reason)})
            return
        client.publish(f"{self._topic}/state", "online", qos=1, retain=True)

    def alarm(self, kind: str, message: str) -> None:
        """Publish that an alarm began, or with an empty message that it is over."""
        self._client.publish(f"{self._topic}/alarm/{kind}", message, qos=1, retain=True)

    def settled(self, part: Part, decision: Decision) -> None:
        """Publish a decision."""
        facts = {
            "part": part.number,
            "token": part.token,
            "reject": decision.reject,
            "by": decision.source,
            "confidence": decision.confidence,
            "late": decision.late,
        }
        if self._client.is_connected():  # the queue of what waits for a broker is for alarms
            self._client.publish(f"{self._topic}/part", json.dumps(facts), qos=0)

    def close(self) -> None:
        """Publish that the line is down, and disconnect."""
        if self._client.is_connected():
            self._client.publish(f"{self._topic}/state", "offline", qos=1, retain=True).wait_for_publish(2)
        self._client.disconnect()
        self._client.loop_stop()
