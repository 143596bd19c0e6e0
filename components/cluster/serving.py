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
from typing import Any

import urllib3

from brume.cluster import images as container_images
from brume.cluster.compute import ending_cleanly, in_cluster
from brume.cluster.diagnosis import Patience, problems
from brume.cluster.kube import INFERENCE_SERVICE, Cluster, KubeError, own_namespace
from brume.cluster.pods import container, dns_name, metadata, pod_spec
from brume.cluster.process import DetachedProcess
from brume.cluster.resources import Resources

Log = Callable[[str], None]

_SECONDS_TO_LOAD = 300.0  # from a start on this machine
_SECONDS_TO_DEPLOY = 1200.0  # on a cluster, which may have to bring a node and pull an image first
_SECONDS_BETWEEN_LOOKS = 0.1
_PORT = 8080
_KIND = "serving"
# One request stays well below the 64 MiB that the predictor takes, with images as large as they come.
_IMAGES_PER_REQUEST = 64
_BYTES_PER_REQUEST = 16 << 20


class ServingError(RuntimeError):
    """A model that is not served, or does not answer; the message has the reason and its last lines."""


@dataclass(frozen=True)
class Model:
    """What to serve: the model at `uri` under `name`, by the program `python -m MODULE`.

    `arguments` follow those that every predictor takes (--model, --name, --host, --port, --port-file), and
    `env` is added to its environment. `image`, `resources` (of one replica), `namespace`, `replicas` and
    `most` are for the cluster: there KServe adds replicas while those that run are busy, until there are
    `most` (0: there are always `replicas`). On one machine there is one process, whose threads are its own;
    `folder` is where the machine keeps its account; empty: that of the run.
    """

    name: str
    uri: str
    image: str = ""
    resources: Resources = field(default_factory=Resources)
    namespace: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    module: str = field(kw_only=True)
    arguments: Sequence[str] = ()
    replicas: int = 1
    most: int = 0
    folder: str = ""

    def __post_init__(self) -> None:
        """Refuse a model that nothing would serve."""
        if self.replicas < 1:
            raise ValueError(f"model {self.name}: replicas is {self.replicas}; it takes at least 1")
        if self.most and self.most < self.replicas:
            raise ValueError(
                f"model {self.name}: most is {self.most}, fewer than its {self.replicas} replicas"
            )


@dataclass(frozen=True)
class Endpoint:
    """A model that answers at `url`; `handle` names what `stop` has to end."""

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
            return _serve_on_cluster(model, log)
        return _serve_here(model, log)


def stop(endpoint: Endpoint | str, folder: str = "") -> None:
    """End what `serve` started, from any process and any number of times; `folder` is that of the model."""
    if in_cluster():
        handle = f"{own_namespace()}/{dns_name(endpoint)}" if isinstance(endpoint, str) else endpoint.handle
        namespace, _, name = handle.partition("/")
        Cluster(namespace).delete(INFERENCE_SERVICE, name)
    else:
        DetachedProcess(endpoint if isinstance(endpoint, str) else endpoint.name, _KIND, folder).stop()


def predict(url: str, model_name: str, images: Sequence[bytes]) -> list[list[float]]:
    """Return one row of class probabilities for each JPEG or PNG file, from a served model.

    Images travel many to a request. A request that fails on the way (connection refused or cut, 429, 502,
    503, 504) is tried again for about a minute; raises `ServingError` after that, or when the answer is
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
                detail = answer.data[:1000].decode(errors="replace")
                raise ServingError(f"{address} answered {answer.status}: {detail}")
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
    process = DetachedProcess(model.name, _KIND, model.folder)
    url = None
    with tempfile.TemporaryDirectory(prefix="brume-serving-") as scratch:
        port_file = Path(scratch) / "port"
        command = [sys.executable, "-m", model.module, "--model", model.uri, "--name", model.name]
        command += ["--port", "0", "--port-file", str(port_file), *model.arguments]
        try:
            # The predictor takes a free port and reports it: nobody can take it in between.
            process.start(command, model.env)
            url = _wait_until_ready(process, port_file, model)
        finally:
            if url is None:
                process.stop()
    log(f"{model.name} is served at {url} (process {process.pid()}, log {process.log})")
    return Endpoint(url, model.name, str(process.log))


def _wait_until_ready(process: DetachedProcess, port_file: Path, model: Model) -> str:
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


def inference_service_manifest(model: Model) -> dict[str, Any]:
    """Return the InferenceService (`serving.kserve.io/v1beta1`) of a model, with our predictor in it.

    Deployment mode Standard: plain Deployments, no Knative, whatever the cluster's default is. It answers
    inside the cluster only.
    """
    host = "0.0.0.0"  # noqa: S104 - the pod's own network
    predictor = container(
        "kserve-container",  # the name by which KServe finds the one that serves
        model.image or container_images.reference("serving"),
        [
            *("python3", "-m", model.module, "--model", model.uri, "--name", model.name),
            *("--host", host, "--port", str(_PORT), *model.arguments),
        ],
        model.resources,
        {"HOME": "/tmp", **model.env},  # noqa: S108 - the pod's own
        ports=[{"containerPort": _PORT, "protocol": "TCP"}],
        # It listens once the model is loaded, which a large one on a slow store takes minutes for.
        startupProbe=_probe("/readyz", periodSeconds=2, failureThreshold=150),
        readinessProbe=_probe("/readyz", periodSeconds=5, timeoutSeconds=3),
        livenessProbe=_probe("/healthz", periodSeconds=10, timeoutSeconds=5),
    )
    return {
        "apiVersion": f"{INFERENCE_SERVICE.group}/{INFERENCE_SERVICE.version}",
        "kind": INFERENCE_SERVICE.title,
        "metadata": metadata(
            dns_name(model.name),
            model.namespace or own_namespace(),
            "predictor",  # KServe gives its pods the labels of the service
            owned=False,
            annotations={"serving.kserve.io/deploymentMode": "Standard"},
            labels={"networking.kserve.io/visibility": "cluster-local"},
        ),
        "spec": {
            "predictor": {
                "minReplicas": model.replicas,
                "maxReplicas": model.most or model.replicas,
                **pod_spec(predictor, model.resources),
            },
        },
    }


def _probe(path: str, **settings: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": _PORT}, **settings}


def _serve_on_cluster(model: Model, log: Log) -> Endpoint:
    manifest = inference_service_manifest(model)
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    url = None
    try:
        cluster = Cluster(namespace)
        cluster.delete(INFERENCE_SERVICE, name)
        try:
            cluster.create(INFERENCE_SERVICE, manifest)
            log(f"InferenceService {namespace}/{name}: waiting until it is ready")
            url = _wait_for_service(cluster, name, log)
        finally:
            if url is None:
                cluster.delete(INFERENCE_SERVICE, name)
    except KubeError as error:
        raise ServingError(f"{model.uri} cannot be served: {error}") from error
    log(f"{model.name} is served at {url}")
    return Endpoint(url, model.name, f"{namespace}/{name}")


def _wait_for_service(cluster: Cluster, name: str, log: Log) -> str:
    patience = Patience()
    logged: set[str] = set()
    until = time.monotonic() + _SECONDS_TO_DEPLOY
    selector = f"serving.kserve.io/inferenceservice={name}"
    for found in cluster.follow(INFERENCE_SERVICE, name):
        status = found.get("status", {})
        if any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions", [])):
            inside = f"http://{name}-predictor.{cluster.namespace}.svc.cluster.local"
            return str(status.get("address", {}).get("url") or inside)
        cluster.log_warnings(name, logged, log)
        wrong: list[Any] = patience.exhausted(problems(name, cluster.pods(selector)))
        if not wrong and time.monotonic() > until:
            waiting = [item for item in status.get("conditions", []) if item["status"] != "True"]
            wrong = [f"{item['type']}: {item.get('reason')} {item.get('message', '')}" for item in waiting]
            wrong.append(f"it was not ready in {_SECONDS_TO_DEPLOY:g} s")
        if wrong:
            parts = [f"InferenceService {cluster.namespace}/{name}:", *(str(item) for item in wrong)]
            for pod in cluster.pods(selector):
                if last := cluster.last_lines(str(pod.metadata.name), "kserve-container"):
                    parts += [
                        f"Last lines of {pod.metadata.name}:",
                        *(f"  {line}" for line in last.splitlines()),
                    ]
            raise KubeError("\n".join(parts))
    raise AssertionError("a watch ends by an object or an error")
