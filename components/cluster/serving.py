"""A served model, here or on the cluster, and the one way to ask it.

On one machine the predictor is a detached process, which any later process can stop by the model's name; on
a cluster it is an InferenceService (`serving.kserve.io/v1beta1`). Both speak KServe's V1 protocol.
"""

from __future__ import annotations

import base64
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from components.cluster.place import ending_cleanly, in_cluster
from components.cluster.process import Detached
from components.cluster.resources import Resources

Log = Callable[[str], None]

_SECONDS_TO_LOAD = 300.0
_SECONDS_BETWEEN_LOOKS = 0.1
# One request stays well below the 64 MiB that the predictor takes, with images as large as they come.
_IMAGES_PER_REQUEST = 64
_BYTES_PER_REQUEST = 16 << 20


class ServingError(RuntimeError):
    """A model that is not served, or does not answer; the message says why, with its last lines."""


@dataclass(frozen=True)
class Model:
    """What to serve: the model at `uri` under `name`, by the program `python -m MODULE`.

    `env` is added to the predictor's environment; `image`, `resources` and `namespace` are for the cluster.
    """

    name: str
    uri: str
    image: str = ""
    resources: Resources = field(default_factory=Resources)
    namespace: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    module: str = "components.slides.predictor"


@dataclass(frozen=True)
class Endpoint:
    """A model that answers at `url`; `handle` says what `stop` has to end."""

    url: str
    name: str
    handle: str


def serve(model: Model, log: Log) -> Endpoint:
    """Start serving a model and wait until it answers; one of the same name is replaced.

    Raises `ServingError` with the predictor's last lines (on a cluster: the pod's reason) when it ends or
    is not ready in five minutes. Whatever goes wrong, nothing is left running.
    """
    with ending_cleanly():
        if in_cluster():
            raise NotImplementedError
        return _serve_here(model, log)


def stop(endpoint: Endpoint | str) -> None:
    """End what `serve` started, from any process and any number of times."""
    name = endpoint if isinstance(endpoint, str) else endpoint.name
    Detached(name).stop()


def predict(url: str, model_name: str, images: Sequence[bytes]) -> list[list[float]]:
    """Return one row of class probabilities for each JPEG or PNG file, from a served model.

    Images travel many to a request. A request that fails on the way (connection refused or cut, 429, 502,
    503, 504) is tried again for about a minute; raises `ServingError` after that, or when the answer says
    that the request is wrong.
    """
    address = f"{url.rstrip('/')}/v1/models/{model_name}:predict"
    retries = urllib3.Retry(
        total=8,
        allowed_methods=None,  # a prediction changes nothing: a POST may be repeated
        status_forcelist=[429, 502, 503, 504],
        raise_on_status=False,
        backoff_factor=0.3,
        backoff_max=20,
    )
    rows: list[list[float]] = []
    with urllib3.PoolManager(retries=retries, timeout=urllib3.Timeout(connect=10, read=300)) as pool:
        for part in _requests(images):
            instances = [{"b64": base64.b64encode(image).decode()} for image in part]
            try:
                answer = pool.request("POST", address, json={"instances": instances})
            except urllib3.exceptions.HTTPError as error:
                raise ServingError(f"{address} does not answer: {error}") from error
            if answer.status != 200:
                said = answer.data[:1000].decode(errors="replace")
                raise ServingError(f"{address} answered {answer.status}: {said}")
            predictions = answer.json()["predictions"]
            if len(predictions) != len(part):
                raise ServingError(f"{address} gave {len(predictions)} answers to {len(part)} images")
            rows += predictions
    return rows


def _requests(images: Sequence[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for image in images:
        if part and (len(part) == _IMAGES_PER_REQUEST or size + len(image) > _BYTES_PER_REQUEST):
            yield part
            part, size = [], 0
        part.append(image)
        size += len(image)
    if part:
        yield part


def _serve_here(model: Model, log: Log) -> Endpoint:
    process = Detached(model.name)
    url = None
    with tempfile.TemporaryDirectory(prefix="brume-serving-") as scratch:
        port_file = Path(scratch) / "port"
        command = [sys.executable, "-m", model.module, "--model", model.uri, "--name", model.name]
        try:
            # The predictor takes a port that is free and says which: nobody can take it in between.
            process.start([*command, "--port", "0", "--port-file", str(port_file)], model.env)
            url = _wait_until_ready(process, port_file, model)
        finally:
            if url is None:
                process.stop()
    log(f"{model.name} is served at {url} (process {process.pid()}, log {process.log})")
    return Endpoint(url, model.name, str(process.log))


def _wait_until_ready(process: Detached, port_file: Path, model: Model) -> str:
    until = time.monotonic() + _SECONDS_TO_LOAD
    with urllib3.PoolManager(retries=False, timeout=5) as pool:
        while time.monotonic() < until:
            running = process.pid() is not None
            if port_file.exists():
                url = f"http://127.0.0.1:{port_file.read_text()}"
                with contextlib.suppress(urllib3.exceptions.HTTPError):
                    if pool.request("GET", f"{url}/readyz").status == 200:
                        return url
            if not running:
                raise ServingError(f"the predictor of {model.uri} ended:\n{process.last_lines()}")
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    raise ServingError(
        f"the predictor of {model.uri} was not ready in {_SECONDS_TO_LOAD:g} s:\n{process.last_lines()}"
    )
