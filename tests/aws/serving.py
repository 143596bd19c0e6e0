"""Serves an engine over real HTTP within a test, and clients of it."""

from __future__ import annotations

import contextlib
import faulthandler
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from starlette.types import ASGIApp

from brume.aws.client import session_with_models
from brume.aws.wire.http.limits import ConnectionLimits
from brume.aws.wire.http.server import Server
from brume.aws.wire.keys import Key
from brume.aws.wire.server import Call, Engine, Limits, create_app

KEY = Key("AKIDTEST", "secret of the tests", "123456789012")
OTHER = Key("AKIDOTHER", "another secret", "210987654321")
KEYS: Mapping[str, Key] = {key.access_key: key for key in (KEY, OTHER)}


@contextlib.contextmanager
def serve_engine(
    engine: Engine,
    *,
    keys: Mapping[str, Key] | None = KEYS,
    limits: Limits | None = None,
    connections: ConnectionLimits | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """Serve `engine` on a free port in a thread; yields its URL, and closes the engine after."""
    with serve_app(create_app(engine, keys=keys, limits=limits), connections=connections, tls=tls) as url:
        yield url


@contextlib.contextmanager
def serve_app(
    application: ASGIApp, *, connections: ConnectionLimits | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve an ASGI application on a free port in a thread; yields its URL, and ends it after."""
    server = Server(application, limits=connections, tls=tls)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        started = threading.Event()
        thread = threading.Thread(target=server.run, args=([listener], started.set))
        thread.start()
        try:
            while not started.wait(0.05):
                assert thread.is_alive(), "the server did not start"
            yield f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop()
            thread.join(timeout=60)
            if thread.is_alive():
                faulthandler.dump_traceback()  # what it waits for is in one of its threads
                pytest.fail("the server did not end")


def client_of(
    url: str, service: str, *, key: Key = KEY, attempts: int = 1, protocol: str = "", **config: Any
) -> Any:
    """Return today's boto3 client of `service` at `url`, which tries `attempts` times.

    `protocol` is one of the model's, where botocore would choose another.
    """
    import boto3
    from botocore.config import Config

    core = session_with_models()
    if protocol:  # the loader keeps the model that it has read
        model = core.get_component("data_loader").load_service_model(service, "service-2")
        model["metadata"]["protocols"] = [protocol]
    session = boto3.session.Session(botocore_session=core)
    return session.client(
        service,
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret,
        aws_session_token=key.token or None,
        config=Config(retries={"total_max_attempts": attempts}, **config),
    )


class Held:
    """A service whose answers wait until the test lets them go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()

    def describe_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.entered.release()
        assert self.go.wait(30)
        return {"ProjectDescription": {"ProjectName": request["ProjectName"]}}

    def list_projects(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"Projects": []}

    def detect_anomalies(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"DetectAnomalyResult": {"Confidence": len(request["Body"])}}
