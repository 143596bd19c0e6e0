"""The HTTP server of a predictor, with bounds on work and size.

It speaks KServe's V1 and V2 and TensorFlow Serving's REST (`inference.py`). What a predictor adds is its
model, in the phases `preprocess` and `predict`, which run in a thread, so that health checks go on meanwhile.
Errors are `{"error": "..."}`. Request bodies are never written to the log.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from brume import storage
from brume.cluster import inference
from brume.cluster.inference import Call, Reply, RequestError, Tensors
from brume.cluster.predictor_metrics import Metrics
from brume.run import lifeline

_SERVER = {"name": "brume", "version": metadata.version("brume"), "extensions": ["binary_tensor_data"]}


class Predictor(Protocol):
    """A model that is loaded. Both methods run in a thread, for several requests at once."""

    @property
    def tensors(self) -> Tensors:
        """What the model takes and gives."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What `GET /v1/models/NAME/metadata` returns of the model itself."""

    def preprocess(self, instances: Sequence[Any]) -> Sequence[Any]:
        """Return what `predict` takes. Raises `RequestError`, naming the instance that cannot be used."""

    def predict(self, inputs: Sequence[Any], stop: threading.Event) -> list[Any]:
        """Return one prediction an input; raises `TimeoutError` soon after `stop` is set."""


class ModelError(RuntimeError):
    """A model that cannot be served; the message names the file and what is missing."""


def local_copy(uri: str, scratch: Path) -> Path:
    """Return the folder of a model: its own when it is local, else its files fetched into `scratch`."""
    if not storage.is_remote(uri):
        return Path(uri)
    for entry in storage.list_files(uri):
        storage.fetch(entry.uri, (scratch / entry.uri.removeprefix(uri.rstrip("/") + "/")).parent)
    return scratch


def inflate(body: bytes, most: int) -> bytes:
    """Return the content of a body in gzip, as far as one byte past `most`.

    Raises `RequestError` when it is damaged or cut short.
    """
    machine = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = machine.decompress(body, most + 1)
    except zlib.error as error:
        raise RequestError(f"the body is no gzip: {error}") from error
    if len(content) <= most and not machine.eof:
        raise RequestError("the body's gzip is cut short")
    return content


class Service:
    """One model by its name: `workers` requests run at once, `queue` more wait, others get 503."""

    def __init__(
        self,
        name: str,
        predictor: Predictor,
        *,
        workers: int,
        queue: int,
        max_body: int,
        seconds: float,
    ) -> None:
        """`max_body`: bytes of one request, before and after gzip; `seconds`: its time."""
        self._name = name
        self._predictor = predictor
        self._metrics = Metrics(name)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="predict")
        self._places = workers + queue
        self._metrics.places.set_function(lambda: self._places)
        self._max_body = max_body
        self._seconds = seconds

    def application(self) -> Starlette:
        """Return the ASGI application."""

        def fixed(content: Mapping[str, Any]) -> Callable[[Request], Any]:
            async def answer(_request: Request) -> Response:
                return JSONResponse(dict(content))

            return answer

        def of_model(content: Mapping[str, Any]) -> Callable[[Request], Any]:
            async def answer(request: Request) -> Response:
                self._known(request)
                return JSONResponse(dict(content))

            return answer

        name, predictor = self._name, self._predictor
        about = inference.describe_v1(name, predictor.tensors) | {"name": name, **predictor.about}
        routes = [
            Route("/", fixed({"status": "alive"})),
            Route("/healthz", fixed({"status": "alive"})),
            Route("/readyz", fixed({"ready": True})),
            Route("/metrics", self._show_metrics),
            Route("/v1/models", fixed({"models": [name]})),
            Route("/v2", fixed(_SERVER)),
            Route("/v2/health/live", fixed({"live": True})),
            Route("/v2/health/ready", fixed({"ready": True})),
        ]
        for version in ("", "/versions/{version}"):
            v1, v2 = f"/v1/models/{{name}}{version}", f"/v2/models/{{name}}{version}"
            routes += [
                Route(f"{v1}:predict", self._predict_v1, methods=["POST"]),
                Route(f"{v1}/metadata", of_model(about)),
                Route(v1, of_model(inference.status_v1(name))),
                Route(f"{v2}/infer", self._predict_v2, methods=["POST"]),
                Route(f"{v2}/ready", of_model({"name": name, "ready": True})),
                Route(v2, of_model(inference.describe_v2(name, predictor.tensors))),
            ]
        return Starlette(
            routes=routes,
            middleware=[Middleware(GZipMiddleware, minimum_size=4096, compresslevel=1)],
            exception_handlers={HTTPException: _as_json, Exception: _unexpected},
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _application: Starlette) -> AsyncIterator[None]:
        yield
        self._pool.shutdown(wait=True)

    def _known(self, request: Request) -> None:
        name = request.path_params["name"]
        if name != self._name:
            raise HTTPException(404, f"no model {name!r} here; this server has {self._name!r}")
        version = request.path_params.get("version", inference.VERSION)
        if version != inference.VERSION:
            raise HTTPException(404, f"no version {version!r} of {name!r} here; it has {inference.VERSION!r}")

    async def _show_metrics(self, _request: Request) -> Response:
        text = await asyncio.to_thread(generate_latest, self._metrics.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def _predict_v1(self, request: Request) -> Response:
        tensors = self._predictor.tensors
        return await self._counted("v1", request, lambda body: inference.read_v1(body, tensors))

    async def _predict_v2(self, request: Request) -> Response:
        header = request.headers.get(inference.BINARY_HEADER)
        tensors = self._predictor.tensors
        return await self._counted(
            "v2", request, lambda body: inference.read_v2(body, header, self._name, tensors)
        )

    async def _counted(self, protocol: str, request: Request, read: Callable[[bytes], Call]) -> Response:
        status = 500
        try:
            response = await self._predict(request, read)
            status = response.status_code
        except HTTPException as error:
            status = error.status_code
            raise
        finally:
            self._metrics.answered(protocol, status)
        return response

    async def _predict(self, request: Request, read: Callable[[bytes], Call]) -> Response:
        self._known(request)
        if self._places <= 0:  # before the body is read: what waits takes memory
            raise HTTPException(503, "the queue is full: try again", headers={"Retry-After": "1"})
        self._places -= 1
        loop = asyncio.get_running_loop()
        stop = threading.Event()
        work: Future[Reply] | None = None
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._body(request)
                packed = _is_gzip(request)
                work = self._pool.submit(self._answer, body, packed, read, stop)
                # The thread may outlive this request; its place is free when it has really ended.
                work.add_done_callback(lambda _work: loop.call_soon_threadsafe(self._free))
                reply = await asyncio.wrap_future(work)
        except RequestError as error:
            raise HTTPException(400, str(error)) from error
        except TimeoutError as error:
            raise HTTPException(
                504, f"no answer within {self._seconds:g} s: send fewer images at a time"
            ) from error
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        finally:
            stop.set()
            if work is None:
                self._free()
        return Response(reply.body, headers={"content-type": "application/json", **reply.headers})

    def _answer(
        self, body: bytes, packed: bool, read: Callable[[bytes], Call], stop: threading.Event
    ) -> Reply:
        """Do the work of one request, in a thread."""
        started = time.monotonic()
        with self._metrics.phase("preprocess"):
            if packed:
                body = inflate(body, self._max_body)
                self._check_size(len(body))
            call = read(body)
            inputs = self._predictor.preprocess(call.instances)
        with self._metrics.phase("predict"):
            predictions = self._predictor.predict(inputs, stop)
        with self._metrics.phase("postprocess"):
            reply = call.reply(predictions)
        self._metrics.predicted(len(predictions))
        print(f"predict: {len(predictions)} images in {time.monotonic() - started:.3f} s", flush=True)
        return reply

    def _free(self) -> None:
        self._places += 1

    async def _body(self, request: Request) -> bytes:
        declared = request.headers.get("content-length", "")
        if declared.isdecimal():
            self._check_size(int(declared))
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            self._check_size(len(body))
        return bytes(body)

    def _check_size(self, size: int) -> None:
        if size > self._max_body:
            raise HTTPException(
                413, f"the body is larger than {self._max_body} bytes: send fewer images at a time"
            )


def _is_gzip(request: Request) -> bool:
    """Return whether the body of a request is in gzip. Raises `HTTPException` for any other coding."""
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding not in ("gzip", "identity"):
        raise HTTPException(415, f"content-encoding {coding!r} is not read: send gzip, or none")
    return coding == "gzip"


async def _as_json(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def _unexpected(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the model failed: {type(error).__name__}"}, status_code=500)


def arguments_parser(program: str, model: str) -> argparse.ArgumentParser:
    """Return the options that every predictor has; `model` describes what `--model` names."""
    parser = argparse.ArgumentParser(prog=program, description="Serve a model by KServe's V1 and V2.")
    parser.add_argument("--model", required=True, help=f"folder or s3:// URI of {model}")
    parser.add_argument("--name", required=True, help="the model's name in the URLs")
    parser.add_argument("--port", type=int, required=True, help="0: one that is free")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port-file", type=Path, help="where to write the port, once it is bound")
    parser.add_argument("--workers", type=int, default=2, help="requests that run at once")
    parser.add_argument("--queue", type=int, default=16, help="requests that wait; more are answered 503")
    parser.add_argument(
        "--max-body", type=int, default=64 << 20, help="bytes of one request, before and after gzip"
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="time for one request")
    return parser


def run(options: argparse.Namespace, load: Callable[[], Predictor]) -> None:
    """Load the model, then answer until SIGTERM, which lets running requests finish.

    A `ModelError` of `load` ends the process.
    """
    lifeline.follow()
    # Bound now, so that a port in use is known at once; connections are refused until the model is loaded.
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # The protocol is named: asyncio turns Nagle's algorithm off only then, which would cost 40 ms an answer.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((options.host, options.port))
        port = bound.getsockname()[1]
        if options.port_file:
            storage.write_bytes(str(options.port_file), str(port).encode())
        try:
            predictor = load()
        except ModelError as error:
            sys.exit(f"error: {error}")
        service = Service(
            options.name,
            predictor,
            workers=options.workers,
            queue=options.queue,
            max_body=options.max_body,
            seconds=options.seconds,
        )
        print(f"{options.name}: on http://{options.host}:{port}", flush=True)
        # uvicorn ends well on SIGTERM and then sends the signal again: by then it means nothing more.
        signal.signal(signal.SIGTERM, lambda _number, _frame: None)
        config = uvicorn.Config(
            service.application(), log_level="warning", access_log=False, timeout_graceful_shutdown=25
        )
        uvicorn.Server(config).run(sockets=[bound])
