"""The rights of each service account, by a real API server: those its code needs, no more."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import urllib.parse
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import (
    ApiException,
    AuthorizationV1Api,
    CoreV1Api,
    CustomObjectsApi,
    V1ResourceAttributes,
    V1SelfSubjectAccessReview,
    V1SelfSubjectAccessReviewSpec,
    V1SelfSubjectRulesReview,
    V1SelfSubjectRulesReviewSpec,
    rest,
)

from brume.cluster import diagnosis, jobs, kube, mpi, serving
from tests.cluster.harness.accounts import kubeconfig_of
from tests.cluster.harness.api_server import Api, KubectlError
from tests.cluster.objects import KINDS, MANIFESTS, define, overlaid, own_namespace, pods_of
from tests.polling import until

Right = tuple[str, str, str]  # API group, resource, verb

VERBS = ("create", "get", "list", "watch", "update", "patch", "delete", "deletecollection")
_ROW = re.compile(r"^\| `([\w/]+)(?:\.([\w.]+))?` \|(.*)\|$", re.MULTILINE)


def documented() -> dict[tuple[str, str], dict[str, set[str]]]:
    """Return the table of README.md: by API group and resource, the verbs of each account."""
    text = (MANIFESTS / "README.md").read_text().partition("\n## Rights\n")[2].partition("\n## ")[0]
    head = next(line for line in text.splitlines() if line.startswith("| resource "))
    accounts = [cell.strip(" `") for cell in head.strip("|").split("|")[1:]]
    return {
        (group or "", resource): dict(
            zip(accounts, (set(cell.split()) for cell in cells.split("|")), strict=True)
        )
        for resource, group, cells in _ROW.findall(text)
    }


TABLE = documented()
ACCOUNTS = tuple(next(iter(TABLE.values())))


@pytest.fixture(scope="module")
def namespace(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace with the overlay `local`, and an account in it that no rule names."""
    define(api)
    name = own_namespace("rights")
    api.kubectl("apply", "--server-side", "-k", overlaid("local", name, tmp_path_factory.mktemp("rights")))
    api.kubectl("create", "serviceaccount", "nobody", "--namespace", name)
    yield name
    api.kubectl("delete", "namespace", name, "--wait=false")


@contextlib.contextmanager
def asking_as(api: Api, namespace: str, account: str) -> Iterator[AuthorizationV1Api]:
    """Give the API by which an account asks what it may do; the administrator impersonates it."""
    with api.client() as connection:
        connection.set_default_header("Impersonate-User", f"system:serviceaccount:{namespace}:{account}")
        yield AuthorizationV1Api(connection)


def granted(api: Api, namespace: str, account: str) -> set[Right]:
    """Return all that an account may do in the namespace, by the API server's answer."""
    spec = V1SelfSubjectRulesReviewSpec(namespace=namespace)
    with asking_as(api, namespace, account) as authorization:
        review = authorization.create_self_subject_rules_review(V1SelfSubjectRulesReview(spec=spec))
    assert not review.status.incomplete
    return {
        (group, resource, verb)
        for rule in review.status.resource_rules
        for group in rule.api_groups
        for resource in rule.resources
        for verb in rule.verbs
    }


def may(authorization: AuthorizationV1Api, **what: str) -> bool:
    """Tell whether the API server would let one do it."""
    spec = V1SelfSubjectAccessReviewSpec(resource_attributes=V1ResourceAttributes(**what))
    review = authorization.create_self_subject_access_review(V1SelfSubjectAccessReview(spec=spec))
    return bool(review.status.allowed)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_an_account_can_what_the_table_says_and_cannot_what_it_does_not(
    api: Api, namespace: str, account: str
) -> None:
    wrong = []
    with asking_as(api, namespace, account) as authorization:
        for (group, name), verbs in TABLE.items():
            resource, _, subresource = name.partition("/")
            asked = {"group": group, "resource": resource, "subresource": subresource}
            can = [verb for verb in VERBS if may(authorization, **asked, verb=verb, namespace=namespace)]
            print(f"{account}: {name}: {' '.join(can) or 'nothing'}")
            if set(can) != verbs[account]:
                wrong.append(f"{name}: {can}, and the table says {verbs[account]}")
            for verb in verbs[account]:
                if may(authorization, **asked, verb=verb, namespace="default"):
                    wrong.append(f"{name}: {verb} in another namespace")
    assert wrong == []


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_table_is_all_that_an_account_may(api: Api, namespace: str, account: str) -> None:
    """Less what the API server lets everybody do who has an account: ask what one may do, and the like."""
    own = granted(api, namespace, account) - granted(api, namespace, "nobody")
    assert own == {
        (group, resource, verb) for (group, resource), cells in TABLE.items() for verb in cells[account]
    }


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize(
    "request_",
    [
        ("get", "secrets"),
        ("get", "secret", "brume-keys"),
        ("get", "pods", "--all-namespaces"),
        ("get", "nodes"),
        ("create", "rolebinding", "mine", "--role=brume-engine", "--user=anybody"),
        ("delete", "deployment", "brume-inspection"),
        ("patch", "configmap", "brume-endpoints", "--patch={}"),
    ],
    ids=" ".join,
)
def test_a_request_beyond_it_is_forbidden(
    api: Api, namespace: str, account: str, request_: tuple[str, ...], tmp_path: Path
) -> None:
    """A real request by the account's own token, not a question about it."""
    own = Api(kubeconfig_of(api, account, namespace, tmp_path / "kubeconfig"))
    with pytest.raises(KubectlError, match=r"[Ff]orbidden"):
        own.kubectl(*request_, "--namespace", namespace)


def right(method: str, path: str, query: Container[str]) -> Right:
    """Return the right that a request needs, as a Role calls it."""
    parts = path.strip("/").split(
        "/"
    )  # api/v1/namespaces/NS/pods/NAME/log, apis/GROUP/VERSION/namespaces/NS/...
    group, named = ("", parts[4:]) if parts[0] == "api" else (parts[1], parts[5:])
    read = "watch" if "watch" in query else "get" if len(named) > 1 else "list"
    verb = {"GET": read, "POST": "create", "DELETE": "delete"}[method]
    return group, "/".join([named[0], *named[2:]]), verb


class Requests:
    """What this process asks of the API, as rights, and what it was refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rights: set[Right] = set()
        self.forbidden: list[str] = []
        self._send = rest.RESTClientObject.request
        monkeypatch.setattr(
            rest.RESTClientObject, "request", lambda *given, **named: self._request(*given, **named)
        )

    def _request(self, connection: Any, method: str, url: str, *given: Any, **named: Any) -> Any:
        # The double of the operators is in this process too: it is the administrator, by a certificate.
        if connection.pool_manager.connection_pool_kw.get("cert_file"):
            return self._send(connection, method, url, *given, **named)
        query = [key for key, _ in named.get("query_params") or []]
        self.rights.add(right(method, urllib.parse.urlsplit(url).path, query))
        try:
            return self._send(connection, method, url, *given, **named)
        except ApiException as error:
            if error.status == 403:
                self.forbidden.append(f"{method} {url}: {error.body}")
            raise


# By which the operators' pods are found.
_LABELS = {
    kube.JOB: "batch.kubernetes.io/job-name",
    kube.MPI_JOB: "training.kubeflow.org/job-name",
    kube.INFERENCE_SERVICE: "serving.kserve.io/inferenceservice",
}


class Operators:
    """A double of the operators, the kubelet and the garbage collector: no pod ever runs.

    Each object gets its pods, which fail as soon as somebody watches the object (nobody watches Jobs): what
    fails needs the most rights. What is deleted is let go.
    """

    def __init__(self, api: Api, namespace: str, requests: Requests) -> None:
        self._api, self._namespace, self._requests = api, namespace, requests
        self._seen: set[str] = set()
        self._ended = threading.Event()
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Operators:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._trouble:
            raise self._trouble

    def _run(self) -> None:
        try:
            with self._api.client() as connection:
                self._objects, self._core = CustomObjectsApi(connection), CoreV1Api(connection)
                while not self._ended.wait(0.1):
                    for kind in KINDS.values():
                        self._look(kind)
        except Exception as error:
            self._trouble = error

    def _look(self, kind: kube.Kind) -> None:
        where = (kind.group, kind.version, self._namespace, kind.plural)
        for item in self._objects.list_namespaced_custom_object(*where)["items"]:
            item["kind"] = kind.title
            name, uid = item["metadata"]["name"], item["metadata"]["uid"]
            if "deletionTimestamp" in item["metadata"]:
                self._core.delete_collection_namespaced_pod(
                    self._namespace, label_selector=f"{_LABELS[kind]}={name}", grace_period_seconds=0
                )
                with contextlib.suppress(ApiException):  # it is gone
                    self._objects.patch_namespaced_custom_object(
                        *where, name, {"metadata": {"finalizers": None}}
                    )
            elif uid not in self._seen and (
                kind is kube.JOB or (kind.group, kind.plural, "watch") in self._requests.rights
            ):
                self._seen.add(uid)
                self._fail(kind, item, where)

    def _fail(self, kind: kube.Kind, item: dict[str, Any], where: tuple[str, ...]) -> None:
        name = item["metadata"]["name"]
        ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
        for pod in pods_of(item):
            about = pod["metadata"]
            about["labels"] = {**about.get("labels", {}), _LABELS[kind]: name}
            self._core.create_namespaced_pod(self._namespace, pod)
            (container,) = pod["spec"]["containers"]
            status = {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": ended,
            }
            self._core.patch_namespaced_pod_status(
                about["name"], self._namespace, {"status": {"phase": "Failed", "containerStatuses": [status]}}
            )
        # The API server wants of a Job that it had started, and was about to fail, before it has failed.
        failed = [
            {"type": kind, "status": "True", "reason": "Failed", "message": "by the double"}
            for kind in ("FailureTarget", "Failed")
        ]
        body = {"status": {"conditions": failed, "startTime": item["metadata"]["creationTimestamp"]}}
        with contextlib.suppress(ApiException):  # it is deleted already: its pods have shown enough
            self._objects.patch_namespaced_custom_object_status(*where, name, body)


def run_an_mpi_job() -> None:
    with pytest.raises(mpi.JobError, match="ended with code 1"):
        mpi.run(mpi.MpiJob("Rights", (sys.executable, "-m", "m"), 2), print)


def serve() -> None:
    with pytest.raises(serving.ServingError, match="ended with code 1"):
        serving.serve(serving.Model("Rights", "s3://b/m", module="brume.slides.model.predictor"), print)
    serving.stop("Rights")


def run_in_the_background() -> None:
    jobs.start(jobs.Job("Rights", "m"))
    until(lambda: jobs.state("Rights").phase != "running", "the end of the job")
    assert "ended with code 1" in jobs.state("Rights").reason
    jobs.stop("Rights")
    assert jobs.state("Rights").phase == "absent"


@pytest.mark.parametrize(
    ("account", "work"),
    [("brume-pipeline", (run_an_mpi_job, serve)), ("brume-engine", (run_in_the_background, serve))],
)
def test_the_code_needs_every_right_of_its_account_and_no_other(
    api: Api,
    namespace: str,
    account: str,
    work: tuple[Callable[[], None], ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("BRUME_COMPUTE", "cluster")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig_of(api, account, namespace, tmp_path / "kubeconfig")))
    monkeypatch.setenv("KFP_NAMESPACE", namespace)
    monkeypatch.setattr(diagnosis, "_TO_SPEAK", 0.0)
    monkeypatch.setattr(kube, "_SECONDS_BETWEEN_LOOKS", 1.0)
    requests = Requests(monkeypatch)
    with Operators(api, namespace, requests):
        for do in work:
            do()
    assert requests.forbidden == []
    assert requests.rights == {
        (group, resource, verb) for (group, resource), cells in TABLE.items() for verb in cells[account]
    }
