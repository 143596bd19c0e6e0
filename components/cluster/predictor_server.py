"""The HTTP server of a predictor: KServe's V1 protocol, with bounds on work and size.

What a predictor adds is its model, and `answer(body, stop)`, which turns a request's body into the answer's;
it runs in a thread, so that health checks go on meanwhile. Errors are `{"error": "..."}`. Request bodies are
never written to the log.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import contextlib
import json
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from brume import storage
from brume.run import lifeline

Answer = Callable[[bytes, threading.Event], bytes]
"""Body of a request to body of the answer; raises `TimeoutError` soon after the event is set."""


class ModelError(RuntimeError):
    """A model that cannot be served; the message names the file and what is missing."""


class RequestError(ValueError):
    """A request that the client has to change; the message names the instance and the reason."""


def local_copy(uri: str, scratch: Path) -> Path:
    """Return the folder of a model: its own when it is local, else its files fetched into `scratch`."""
    if not storage.is_remote(uri):
        return Path(uri)
    for entry in storage.list_files(uri):
        storage.fetch(entry.uri, (scratch / entry.uri.removeprefix(uri.rstrip("/") + "/")).parent)
    return scratch


def read_instances(body: bytes) -> list[Any]:
    """Return the instances of a V1 request, as they are. Raises `RequestError` when it has none."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON: {error}") from error
    instances = request.get("instances") if isinstance(request, dict) else None
    if not isinstance(instances, list):
        raise RequestError('the body must be {"instances": [{"b64": "..."}, ...]}')
    return instances


def image_bytes(instance: Any, index: int) -> bytes:
    """Return the image file of the instance `{"b64": ...}`. Raises `RequestError`, naming the instance."""
    text = instance.get("b64") if isinstance(instance, dict) else None
    if not isinstance(text, str):
        raise RequestError(f'instance {index}: it must be {{"b64": "..."}}, an image file in base64')
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(f"instance {index}: bad base64: {error}") from error


class Service:
    """One model by its name: `workers` requests run at once, `queue` more wait, others get 503."""

    def __init__(
        self,
        name: str,
        answer: Answer,
        about: Mapping[str, Any],
        *,
        workers: int,
        queue: int,
        max_body: int,
        seconds: float,
    ) -> None:
        """`about`: what `GET /v1/models/NAME/metadata` returns; `seconds`: limit of one request."""
        self._name = name
        self._answer = answer
        self._about = about
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="predict")
        self._places = workers + queue
        self._max_body = max_body
        self._seconds = seconds

    def application(self) -> Starlette:
        """Return the ASGI application."""

        async def alive(_request: Request) -> Response:
            return JSONResponse({"status": "alive"})

        async def live(_request: Request) -> Response:
            return JSONResponse({"live": True})

        async def ready(_request: Request) -> Response:
            return JSONResponse({"ready": True})

        async def models(_request: Request) -> Response:
            return JSONResponse({"models": [self._name]})

        return Starlette(
            routes=[
                Route("/", alive),
                Route("/healthz", alive),
                Route("/readyz", ready),
                Route("/v2/health/live", live),
                Route("/v2/health/ready", ready),
                Route("/v1/models", models),
                Route("/v1/models/{name}:predict", self._predict, methods=["POST"]),
                Route("/v1/models/{name}", self._status),
                Route("/v1/models/{name}/metadata", self._metadata),
            ],
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

    async def _status(self, request: Request) -> Response:
        self._known(request)
        return JSONResponse({"name": self._name, "ready": True})

    async def _metadata(self, request: Request) -> Response:
        self._known(request)
        return JSONResponse({"name": self._name, **self._about})

    async def _predict(self, request: Request) -> Response:
        self._known(request)
        if self._places <= 0:  # before the body is read: what waits takes memory
            raise HTTPException(503, "the queue is full: try again", headers={"Retry-After": "1"})
        self._places -= 1
        loop = asyncio.get_running_loop()
        stop = threading.Event()
        work: Future[bytes] | None = None
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._body(request)
                work = self._pool.submit(self._answer, body, stop)
                # The thread may outlive this request; its place is free when it has really ended.
                work.add_done_callback(lambda _work: loop.call_soon_threadsafe(self._free))
                answer = await asyncio.wrap_future(work)
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
        return Response(answer, media_type="application/json")

    def _free(self) -> None:
        self._places += 1

    async def _body(self, request: Request) -> bytes:
        declared = request.headers.get("content-length", "")
        body = bytearray()
        if not (declared.isdecimal() and int(declared) > self._max_body):
            async for chunk in request.stream():
                body += chunk
                if len(body) > self._max_body:
                    break
            else:
                return bytes(body)
        raise HTTPException(
            413, f"the body is larger than {self._max_body} bytes: send fewer images at a time"
        )


async def _as_json(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def _unexpected(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the model failed: {type(error).__name__}"}, status_code=500)


def arguments_parser(program: str, model: str) -> argparse.ArgumentParser:
    """Return the options that every predictor has; `model` describes what `--model` names."""
    parser = argparse.ArgumentParser(prog=program, description="Serve a model (KServe V1).")
    parser.add_argument("--model", required=True, help=f"folder or s3:// URI of {model}")
    parser.add_argument("--name", required=True, help="the model's name in the URLs")
    parser.add_argument("--port", type=int, required=True, help="0: one that is free")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port-file", type=Path, help="where to write the port, once it is bound")
    parser.add_argument("--workers", type=int, default=2, help="requests that run at once")
    parser.add_argument("--queue", type=int, default=16, help="requests that wait; more are answered 503")
    parser.add_argument("--max-body", type=int, default=64 << 20, help="bytes of one request")
    parser.add_argument("--seconds", type=float, default=120.0, help="time for one request")
    return parser


def run(options: argparse.Namespace, load: Callable[[], tuple[Answer, Mapping[str, Any]]]) -> None:
    """Load the model, then answer until SIGTERM, which lets running requests finish.

    `load` returns `answer` and the model's metadata; a `ModelError` of it ends the process.
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
            answer, about = load()
        except ModelError as error:
            sys.exit(f"error: {error}")
        service = Service(
            options.name,
            answer,
            about,
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
