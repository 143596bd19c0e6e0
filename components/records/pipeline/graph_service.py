"""Brings a graph service to the state of a folder: what changed is dropped and loaded, the rest stays.

The service is Neptune, or what answers for it. It keeps the digest of each graph in a graph of its own,
written after the graph itself: a run that was cut short does again what it had not noted.
"""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from pyoxigraph import Literal, NamedNode

from brume import storage
from brume.aws import addresses
from brume.aws.client import client
from brume.records.model.graph.files import lines_of, read_graphs
from brume.records.model.graph.vocabulary import term

MANIFEST = NamedNode("urn:brume:graph:manifest")
_DIGEST = term("digest")
_SERVICE, _SIGNING = "neptunedata", "neptune-db"
_BATCH = 200  # graphs of one update
_LINES = 500_000  # of one file to load
_PAUSES = (0.2, 0.5, 1.0, 2.0)  # seconds between looks at a load job; the last goes on
_SECONDS = 130.0  # of one request: more than a query may run
_ENDED_BADLY = 10  # errors of a load job that are shown
_T = TypeVar("_T")


class GraphServiceError(RuntimeError):
    """A graph service that did not do what it was asked; the message says what, and its reason."""


@dataclass(frozen=True)
class Brought:
    """What was changed: graphs that were loaded, and those that were dropped for good."""

    loaded: int
    dropped: int


def bring(folder: str, changes: str, role: str = "") -> Brought:
    """Bring the service to the graphs of `folder`, which `model.graph.files.write` made.

    `changes` is a folder or s3:// prefix that the service can read, emptied and written here. `role` is the
    ARN by which Neptune reads it; ours needs none. Raises `GraphServiceError`, `AddressError` and
    `StorageError`.
    """
    digests, _ = read_graphs(folder)
    known = _known()
    gone = sorted(known.keys() - digests.keys())
    changed = sorted(graph for graph, digest in digests.items() if known.get(graph) != digest)
    for batch in _batches([*gone, *changed]):
        _update(" ;\n".join(f"{_forget(graph)} ;\nDROP SILENT GRAPH {NamedNode(graph)}" for graph in batch))
    if changed:
        _load(folder, changes, changed, role)
    for batch in _batches(changed):
        lines = " . ".join(f"{NamedNode(graph)} {_DIGEST} {Literal(digests[graph])}" for graph in batch)
        _update(f"INSERT DATA {{ GRAPH {MANIFEST} {{ {lines} }} }}")
    return Brought(len(changed), len(gone))


def _forget(graph: str) -> str:
    return f"DELETE WHERE {{ GRAPH {MANIFEST} {{ {NamedNode(graph)} {_DIGEST} ?digest }} }}"


def _known() -> dict[str, str]:
    """Return the digest of each graph that the service holds."""
    found = _ask("query", f"SELECT ?graph ?digest {{ GRAPH {MANIFEST} {{ ?graph {_DIGEST} ?digest }} }}")
    return {row["graph"]["value"]: row["digest"]["value"] for row in found["results"]["bindings"]}


def _update(text: str) -> None:
    _ask("update", text)


def _ask(kind: str, text: str) -> Any:
    """Send a SPARQL request, signed as boto3 signs: its models have no SPARQL."""
    import boto3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError
    from botocore.httpsession import URLLib3Session

    boto = client(_SERVICE)
    url = f"{boto.meta.endpoint_url.rstrip('/')}/sparql"
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    request = AWSRequest("POST", url, headers=headers, data=urlencode({kind: text}))
    credentials = boto3.session.Session().get_credentials()
    if credentials is not None:
        frozen = credentials.get_frozen_credentials()
        SigV4Auth(frozen, _SIGNING, boto.meta.region_name).add_auth(request)
    session = URLLib3Session(verify=os.environ.get("AWS_CA_BUNDLE") or True, timeout=_SECONDS)
    try:
        answer = session.send(request.prepare())
    except BotoCoreError as error:
        raise GraphServiceError(
            f"the graph service at {url} cannot be reached: {type(error).__name__}"
        ) from error
    if answer.status_code != 200:
        raise GraphServiceError(f"the graph service answered {answer.status_code}: {_reason(answer.content)}")
    return json.loads(answer.content or b"null")


def _reason(body: bytes) -> str:
    try:
        found = json.loads(body)
        return str(found.get("detailedMessage") or found["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no reason that could be read"


def _load(folder: str, changes: str, graphs: Sequence[str], role: str) -> None:
    storage.remove(changes)
    count, lines = 0, list[bytes]()

    def write() -> None:
        nonlocal count
        data = gzip.compress(b"".join(lines), 6, mtime=0)
        storage.write_bytes(storage.join(changes, f"changes-{count:05d}.nq.gz"), data)
        count += 1
        lines.clear()

    for line in lines_of(folder, graphs):
        lines.append(line)
        if len(lines) >= _LINES:
            write()
    if lines:
        write()
    boto = client(_SERVICE)
    source = addresses.for_service(changes).rstrip("/") + "/"
    started = boto.start_loader_job(
        source=source,
        format="nquads",
        s3BucketRegion=boto.meta.region_name,
        iamRoleArn=role or "arn:aws:iam::000000000000:role/none",
        failOnError=True,
        queueRequest=True,
    )
    _wait(boto, started["payload"]["loadId"])


def _wait(boto: Any, identity: str) -> None:
    looks = 0
    while True:
        found = boto.get_loader_job_status(loadId=identity, errors=True, details=True)["payload"]
        status = found["overallStatus"]["status"]
        if status == "LOAD_COMPLETED":
            return
        if status not in ("LOAD_IN_QUEUE", "LOAD_NOT_STARTED", "LOAD_IN_PROGRESS"):
            errors = (found.get("errors") or {}).get("errorLogs") or []
            named = [
                f"{one['fileName']}, record {one['recordNum']}: {one['errorMessage']}"
                for one in errors[:_ENDED_BADLY]
            ]
            reasons = "; ".join(named) or "no reason was given"
            raise GraphServiceError(f"the load job {identity} ended as {status}: {reasons}")
        time.sleep(_PAUSES[min(looks, len(_PAUSES) - 1)])
        looks += 1


def _batches(items: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
