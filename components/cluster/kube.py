"""Kubernetes: create an object, watch it, follow a pod's log, explain failures, clean up.

A thin layer over the `kubernetes` client. Every connection may be cut at any time: watches and logs go on
where they were.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SECONDS_BETWEEN_LOOKS = 5.0
_SECONDS_WITHOUT_API = 180.0
_SECONDS_TO_DELETE = 20.0  # a step that is cancelled has 30 s in all
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_NOT_THERE, _CONFLICT, _GONE = 404, 409, 410


class KubeError(RuntimeError):
    """An object or a pod that fails; the message names it, and the reason Kubernetes gives."""


@dataclass(frozen=True)
class Kind:
    """A kind of object: where in the API it lies, and how messages call it."""

    group: str
    version: str
    plural: str
    title: str


JOB = Kind("batch", "v1", "jobs", "Job")
MPI_JOB = Kind("kubeflow.org", "v2beta1", "mpijobs", "MPIJob")
INFERENCE_SERVICE = Kind("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService")


def own_namespace() -> str:
    """Return the namespace that this step runs in, `brume` where it does not run in one."""
    if _OWN_NAMESPACE.exists():
        return _OWN_NAMESPACE.read_text().strip()
    return os.environ.get("KFP_NAMESPACE") or os.environ.get("POD_NAMESPACE") or "brume"


class Cluster:
    """One namespace of a cluster: that of this pod, or else that of the kubeconfig."""

    def __init__(self, namespace: str) -> None:
        """Connect. Raises `KubeError` when there is neither a service account nor a kubeconfig."""
        from kubernetes import client, config

        configuration = client.Configuration()
        try:
            if "KUBERNETES_SERVICE_HOST" in os.environ:
                config.load_incluster_config(client_configuration=configuration)
            else:
                file = os.environ.get("KUBECONFIG")
                config.load_kube_config(config_file=file, client_configuration=configuration)
        except config.ConfigException as error:
            remedy = "Set KUBECONFIG, or BRUME_COMPUTE=local to stay on this machine."
            raise KubeError(f"no way into a cluster: {error}. {remedy}") from error
        self.namespace = namespace
        api = client.ApiClient(configuration)
        self._objects = client.CustomObjectsApi(api)  # it asks by group and version, for any that have one
        self._core = client.CoreV1Api(api)

    def create(self, kind: Kind, manifest: Mapping[str, Any]) -> None:
        """Create an object. Raises `KubeError` with the API server's message.

        A field that the cluster's definition of the kind does not have (it may be an older one) is refused:
        it would else be dropped in silence.
        """
        from kubernetes.client import ApiException

        where = (kind.group, kind.version, self.namespace, kind.plural)
        posted = 0

        def post() -> None:
            nonlocal posted
            posted += 1
            self._objects.create_namespaced_custom_object(*where, dict(manifest), field_validation="Strict")

        try:
            _again(post)
        except ApiException as error:
            if error.status == _CONFLICT and posted > 1:
                return  # the first try did arrive, only its answer was lost
            name = manifest["metadata"]["name"]
            raise KubeError(f"{kind.title} {name} was refused: {error.status} {error.body}") from error

    def get(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """Return an object, None when there is none. Raises `KubeError` when it may not be read."""
        from kubernetes.client import ApiException

        where = (kind.group, kind.version, self.namespace, kind.plural, name)
        try:
            found: dict[str, Any] = _again(lambda: self._objects.get_namespaced_custom_object(*where))
        except ApiException as error:
            if error.status == _NOT_THERE:
                return None
            raise KubeError(f"{kind.title} {name} cannot be read: {error.status} {error.reason}") from error
        return found

    def delete(self, kind: Kind, name: str) -> None:
        """Delete an object with all that belongs to it and wait until it is gone; absent is no error."""
        from kubernetes.client import ApiException

        where = (kind.group, kind.version, self.namespace, kind.plural, name)
        until = time.monotonic() + _SECONDS_TO_DELETE
        try:
            _again(
                lambda: self._objects.delete_namespaced_custom_object(*where, propagation_policy="Foreground")
            )
            while time.monotonic() < until:
                _again(lambda: self._objects.get_namespaced_custom_object(*where))
                time.sleep(0.2)
        except ApiException as error:
            if error.status != _NOT_THERE:
                raise KubeError(
                    f"{kind.title} {name} cannot be deleted: {error.status} {error.reason}"
                ) from error

    def follow(self, kind: Kind, name: str) -> Iterator[dict[str, Any]]:
        """Yield an object as it is now, at each change, and otherwise every few seconds.

        The caller looks at its pods in between. A watch that is cut, or whose version is too old (410), is
        opened anew. Raises `KubeError` when the object was deleted or the API is away for three minutes.
        """
        from kubernetes import watch
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        where = (kind.group, kind.version, self.namespace, kind.plural)
        answered = time.monotonic()
        while True:
            try:
                found = self._objects.get_namespaced_custom_object(*where, name)
                answered = time.monotonic()
                yield found
                events = watch.Watch().stream(
                    self._objects.list_namespaced_custom_object,
                    *where,
                    field_selector=f"metadata.name={name}",
                    resource_version=found["metadata"]["resourceVersion"],
                    timeout_seconds=int(_SECONDS_BETWEEN_LOOKS) or 1,
                    _request_timeout=(10, _SECONDS_BETWEEN_LOOKS + 10),
                )
                for event in events:
                    if event["type"] == "DELETED":
                        break  # the next read finds that
                    yield event["object"]
            except ApiException as error:
                if error.status == _NOT_THERE:
                    raise KubeError(f"{kind.title} {name} was deleted by somebody else") from error
                if error.status in (401, 403):
                    raise KubeError(
                        f"{kind.title} {name} may not be watched ({error.status}): the step's service "
                        "account needs the role of manifests/base"
                    ) from error
                if error.status != _GONE:
                    _wait(answered, error)
            except (HTTPError, OSError) as error:
                _wait(answered, error)

    def pods(self, selector: str) -> list[Any]:
        """Return the pods with these labels, by name. Raises `KubeError` when they may not be listed."""
        found = self._list("pods", self._core.list_namespaced_pod, label_selector=selector)
        return sorted(found, key=lambda pod: str(pod.metadata.name))

    def log_warnings(self, name: str, logged: set[str], log: Callable[[str], None]) -> None:
        """Log new warnings about an object and its parts, and add them to `logged`.

        Some causes are nowhere else: a quota that is exceeded, a volume that cannot be mounted.
        """
        found = self._list("events", self._core.list_namespaced_event, field_selector="type=Warning")
        for event in found:
            about = str(event.involved_object.name)
            text = f"{about}: {event.reason}: {event.message}"
            if about.startswith(name) and text not in logged:
                logged.add(text)
                log(text)

    def _list(self, what: str, call: Callable[..., Any], **which: str) -> list[Any]:
        from kubernetes.client import ApiException

        try:
            return list(_again(lambda: call(self.namespace, **which)).items)
        except ApiException as error:
            raise KubeError(
                f"{what} of {self.namespace} cannot be listed: {error.status} {error.reason}"
            ) from error

    def last_lines(self, pod: str, container: str, count: int = 30) -> str:
        """Return the end of a container's log, "" when it has none."""
        from kubernetes.client import ApiException

        try:
            return str(
                self._core.read_namespaced_pod_log(pod, self.namespace, container=container, tail_lines=count)
            )
        except ApiException:
            return ""

    def open_log(self, pod: str, container: str, since_seconds: int | None) -> Any:
        """Open a container's log, which is followed until the container ends, with timestamps."""
        return self._core.read_namespaced_pod_log(
            pod,
            self.namespace,
            container=container,
            follow=True,
            timestamps=True,
            _preload_content=False,
            **({"since_seconds": since_seconds} if since_seconds else {}),
        )


def _again(call: Callable[[], Any]) -> Any:
    """Call the API, again when the connection fails or the server is overloaded, for half a minute."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    for pause in (0.2, 1, 3, 8, 15):
        try:
            return call()
        except ApiException as error:
            if error.status not in (429, 500, 502, 503, 504):
                raise
        except (HTTPError, OSError):
            pass
        time.sleep(pause)
    try:
        return call()
    except (HTTPError, OSError) as error:
        raise KubeError(f"the Kubernetes API does not answer: {error}") from error


def _wait(answered: float, error: Exception) -> None:
    if time.monotonic() - answered > _SECONDS_WITHOUT_API:
        raise KubeError(f"the Kubernetes API has not answered for 3 minutes: {error}") from error
    time.sleep(1)
