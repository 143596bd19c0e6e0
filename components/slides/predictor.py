"""Serve a trained model over HTTP by KServe's V1 protocol.

    python -m components.slides.predictor --model DIR_OR_URI --name NAME --port 8080

    curl localhost:8080/v1/models/NAME:predict -d '{"instances": [{"b64": "..."}]}'

An instance is a JPEG or PNG file in base64, as `{"b64": ...}` or, in TensorFlow Serving's form with the
input's name, `{"image_bytes": {"b64": ...}}`. The answer is `{"predictions": [[p0, p1, ...], ...]}`, one
row for each instance, in the order of the classes that `GET /v1/models/NAME/metadata` gives. Errors are
`{"error": "..."}`. Request bodies are never written to the log.
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
import struct
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from components import lifeline, storage

SIGNATURE = "serving_default"
INPUT, OUTPUT = "image_bytes", "probabilities"
_MAX_PIXELS = 64_000_000  # of one image, as its header says: a few bytes can claim gigabytes
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the markers that carry height and width


class ModelError(RuntimeError):
    """A model that cannot be served; the message names the file and what is missing."""


class RequestError(ValueError):
    """A request that the client has to change; the message says which instance, and why."""


class Classifier:
    """A SavedModel with signature image_bytes: string[N] -> probabilities: float32[N, C], and its classes."""

    def __init__(self, uri: str, batch: int) -> None:
        """Load the model at `uri` (a folder or s3://); raises `ModelError` when it is not one of ours."""
        self._batch = batch
        with tempfile.TemporaryDirectory(prefix="brume-model-") as scratch:
            folder = _local_copy(uri, Path(scratch))
            self.classes = _classes(folder, uri)
            self.about = _training(folder)
            import tensorflow as tf  # it takes seconds: after what can be said without it

            self._tf = tf
            try:
                self._model = tf.saved_model.load(str(folder))
                self._signature = self._model.signatures[SIGNATURE]
            except (OSError, KeyError, ValueError) as error:
                raise ModelError(f"{uri}: no SavedModel with a signature {SIGNATURE}: {error}") from error
        blank = tf.io.encode_png(tf.zeros([16, 16, 3], tf.uint8)).numpy()
        shape = tuple(self._run([blank]).shape)  # also pays for the first, slow call
        if shape != (1, len(self.classes)):
            raise ModelError(
                f"{uri}: one image gives {shape}, but labels.json has {len(self.classes)} classes"
            )

    def classify(self, images: Sequence[bytes], stop: threading.Event) -> list[list[float]]:
        """Return one row of class probabilities for each JPEG or PNG file.

        Raises `RequestError` for one that cannot be decoded, and `TimeoutError` once `stop` is set.
        """
        rows: list[list[float]] = []
        for start in range(0, len(images), self._batch):
            if stop.is_set():
                raise TimeoutError
            part = images[start : start + self._batch]
            try:
                rows += self._run(part).tolist()
            except self._tf.errors.InvalidArgumentError:
                self._find_undecodable(part, start)
                raise
        return rows

    def _run(self, images: Sequence[bytes]) -> Any:
        tensor = self._tf.constant(list(images), dtype=self._tf.string)
        try:
            return self._signature(**{INPUT: tensor})[OUTPUT].numpy()
        except (TypeError, KeyError) as error:
            raise ModelError(f"the signature {SIGNATURE} is not {INPUT} -> {OUTPUT}: {error}") from error

    def _find_undecodable(self, images: Sequence[bytes], first: int) -> None:
        """Name the image that made a whole batch fail: TensorFlow does not say which it was."""
        for index, image in enumerate(images, first):
            try:
                self._tf.io.decode_image(image, channels=3, expand_animations=False)
            except self._tf.errors.InvalidArgumentError as error:
                raise RequestError(f"instance {index}: the image is damaged and cannot be decoded") from error


def _local_copy(uri: str, scratch: Path) -> Path:
    if not storage.is_remote(uri):
        return Path(uri)
    for entry in storage.list_files(uri):
        storage.fetch(entry.uri, (scratch / entry.uri.removeprefix(uri.rstrip("/") + "/")).parent)
    return scratch


def _classes(folder: Path, uri: str) -> list[str]:
    try:
        classes = json.loads((folder / "labels.json").read_bytes())["classes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{uri}: labels.json, the model's list of classes, cannot be read: {error}"
        ) from error
    return [str(name) for name in classes]


def _training(folder: Path) -> dict[str, Any]:
    """Return what a client needs to cut the tiles that the model was trained on, where the model says it."""
    try:
        known = json.loads((folder / "training.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: known[key] for key in ("tile_size", "mpp") if key in known}


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels from the header of a JPEG (ITU T.81 B.2.2) or PNG (11.2.2) file.

    Raises `ValueError` when it is neither.
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    position = 2
    while data[:2] == b"\xff\xd8" and position + 9 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if marker in _JPEG_SIZES:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        # 0xFF before a marker is padding; every other segment here has a length, which counts itself.
        position += 1 if marker == 0xFF else 2 + length
    raise ValueError("not a JPEG or PNG image")


def read_instances(body: bytes) -> list[bytes]:
    """Return the image files of a V1 request. Raises `RequestError`, naming the instance that is not one."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON: {error}") from error
    instances = request.get("instances") if isinstance(request, dict) else None
    if not isinstance(instances, list):
        raise RequestError('the body must be {"instances": [{"b64": "..."}, ...]}')
    images = []
    for index, instance in enumerate(instances):
        if isinstance(instance, dict) and isinstance(instance.get(INPUT), dict):
            instance = instance[INPUT]
        text = instance.get("b64") if isinstance(instance, dict) else None
        if not isinstance(text, str):
            raise RequestError(f'instance {index}: it must be {{"b64": "..."}}, an image file in base64')
        try:
            image = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise RequestError(f"instance {index}: bad base64: {error}") from error
        try:
            width, height = image_size(image)
        except ValueError as error:
            raise RequestError(f"instance {index}: {error}") from error
        if not 0 < width * height <= _MAX_PIXELS:
            raise RequestError(
                f"instance {index}: {width} x {height} pixels; an image may have 1 to {_MAX_PIXELS}"
            )
        images.append(image)
    return images


class Service:
    """The HTTP side: `workers` requests run at once, `queue` more wait, and others are turned away."""

    def __init__(
        self, name: str, model: Classifier, workers: int, queue: int, max_body: int, seconds: float
    ) -> None:
        self._name = name
        self._model = model
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
        return JSONResponse({"name": self._name, "classes": self._model.classes, **self._model.about})

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

    def _answer(self, body: bytes, stop: threading.Event) -> bytes:
        """Parse, decode, classify: all of it off the event loop, which goes on answering health checks."""
        started = time.monotonic()
        images = read_instances(body)
        rows = self._model.classify(images, stop)
        answer = json.dumps({"predictions": rows}, allow_nan=False).encode()
        print(f"predict: {len(images)} images in {time.monotonic() - started:.3f} s", flush=True)
        return answer


async def _as_json(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def _unexpected(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the model failed: {type(error).__name__}"}, status_code=500)


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the model, then answer until SIGTERM, which lets running requests finish."""
    parser = argparse.ArgumentParser(
        prog="components.slides.predictor", description="Serve a model (KServe V1)."
    )
    parser.add_argument(
        "--model", required=True, help="folder or s3:// URI of the SavedModel and labels.json"
    )
    parser.add_argument("--name", required=True, help="the model's name in the URLs")
    parser.add_argument("--port", type=int, required=True, help="0: one that is free")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port-file", type=Path, help="where to write the port, once it is bound")
    parser.add_argument("--workers", type=int, default=2, help="requests that run at once")
    parser.add_argument("--queue", type=int, default=16, help="requests that wait; more are answered 503")
    parser.add_argument("--batch", type=int, default=32, help="images that the model sees at once")
    parser.add_argument("--max-body", type=int, default=64 << 20, help="bytes of one request")
    parser.add_argument("--seconds", type=float, default=120.0, help="time for one request")
    options = parser.parse_args(arguments)
    lifeline.follow()
    # Bound now, so that a port in use is known at once; connections are refused until the model is loaded.
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((options.host, options.port))
        port = bound.getsockname()[1]
        if options.port_file:
            storage.write_bytes(str(options.port_file), str(port).encode())
        try:
            model = Classifier(options.model, options.batch)
        except ModelError as error:
            sys.exit(f"error: {error}")
        service = Service(
            options.name, model, options.workers, options.queue, options.max_body, options.seconds
        )
        print(f"{options.name}: {len(model.classes)} classes, on http://{options.host}:{port}", flush=True)
        # uvicorn ends well on SIGTERM and then sends the signal again: by then it means nothing more.
        signal.signal(signal.SIGTERM, lambda _number, _frame: None)
        config = uvicorn.Config(
            service.application(), log_level="warning", access_log=False, timeout_graceful_shutdown=25
        )
        uvicorn.Server(config).run(sockets=[bound])


if __name__ == "__main__":
    main()
