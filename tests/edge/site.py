"""The service of the tests: DetectAnomalies behind a real server; it can misbehave.

It is a double in what it answers (the truth about the conveyor's parts), not in how: HTTP, the wire format
and the verification of signatures are those of the engines.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from typing import Any

import uvicorn

from brume.aws.wire.keys import Key
from brume.aws.wire.server import Call, Engine, Limits, ServiceError, create_app
from tests.edge.conveyor import faulty, shown
from tests.polling import until

KEY = Key("AKIDTEST", "secret of the tests", "123456789012")


class Inspector:
    """Answers with the truth. `seconds`, `failing` and `refusing` are changed while it runs."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.hurry = threading.Event()  # once set, nothing takes any time
        self.failing: str = ""  # an error's code
        self.refusing: set[int] = set()
        self.wrong: set[int] = set()  # parts for which it answers the opposite
        self.confidence = 0.95
        self.inspected: Counter[int] = Counter()
        self.order: list[int] = []
        self.types: set[str] = set()
        self._lock = threading.Lock()

    def detect_anomalies(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        assert (request["ProjectName"], request["ModelVersion"]) == ("bricks", "1")
        self.hurry.wait(self.seconds)
        if self.failing:
            raise ServiceError(self.failing, "out of order")
        number = shown(request["Body"])
        if number in self.refusing:
            raise ServiceError("ValidationException", "not a picture of a part")
        with self._lock:
            self.inspected[number] += 1
            self.order.append(number)
            self.types.add(request["ContentType"])
        anomalous = faulty(number) != (number in self.wrong)
        result = {"Source": {"Type": "direct"}, "IsAnomalous": anomalous, "Confidence": self.confidence}
        return {"DetectAnomalyResult": result}


class Site:
    """The service's address, at which it can be up or down."""

    def __init__(self, inspector: Inspector, **tls: str) -> None:
        self._inspector = inspector
        self._tls: dict[str, Any] = tls
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._server: uvicorn.Server | None = None

    def up(self) -> Site:
        engine = Engine(services={"lookoutvision": self._inspector})
        application = create_app(engine, keys={KEY.access_key: KEY}, limits=Limits(workers=8, queue=64))
        listener = socket.create_server(("127.0.0.1", self.port))
        config = uvicorn.Config(
            application,
            http="h11",
            log_level="error",
            access_log=False,
            timeout_graceful_shutdown=1,
            **self._tls,
        )
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        self._thread.start()

        def started() -> bool:
            assert self._thread.is_alive(), "the service did not start"
            return server.started

        until(started, "the service's start")
        return self

    def down(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join(30)
            self._server = None

    def __enter__(self) -> Site:
        return self.up()

    def __exit__(self, *failure: object) -> None:
        self.down()
