"""Serves FHIR's REST of a data store, and asks it with requests that botocore signs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from brume.aws.engine.store import Store
from brume.aws.wire.keys import Key
from brume.records.engine.tables import SCHEMA
from tests.aws.serving import KEY, KEYS, serve_engine
from tests.components.records.healthlake import make_engine

REGION = "eu-west-1"
WARD = Key("AKIDWARD", "secret of the ward", KEY.account)
STUDY = Key("AKIDSTUDY", "secret of the study", KEY.account)
ACCESS = {
    KEY.access_key: {"role": "full"},
    WARD.access_key: {"role": "clinician", "patients": ["p1"]},
    STUDY.access_key: {"role": "researcher", "patients": "all"},
}


class Signed(requests.auth.AuthBase):
    """Signs requests as AWS's clients do."""

    def __init__(self, key: Key) -> None:
        self._credentials = Credentials(key.access_key, key.secret)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        made = AWSRequest(request.method, request.url, data=request.body or b"")
        SigV4Auth(self._credentials, "healthlake", REGION).add_auth(made)
        request.headers.update(dict(made.headers))
        return request


class Client:
    """A client of one data store. Methods return the response; `json` of it is the resource."""

    def __init__(self, url: str, datastore: str, key: Key = KEY) -> None:
        self.url, self.datastore = url, datastore
        self.base = f"{url}/datastore/{datastore}/r4/"
        self._session = requests.Session()
        self._session.auth = Signed(key)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Send a request; names of headers have underscores. A body that is no bytes is sent as JSON."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            given.setdefault("content-type", "application/fhir+json")
        address, mark, query = path.partition("?")
        path = address + mark + quote(query, safe="=&%-_.~+")  # as it is signed
        return self._session.request(
            method, self.base + path, data=body, headers=given, timeout=60, allow_redirects=False
        )

    def found(self, path: str, **headers: str) -> list[str]:
        """Return TYPE/ID of what a search finds, in its order, those that come with it after them."""
        answer = self.ask("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return listed(answer.json())

    def put(self, *resources: Mapping[str, Any]) -> None:
        """Write resources under their ids."""
        entry = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ]
        answer = self.ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entry})
        statuses = {one["response"]["status"] for one in answer.json()["entry"]}
        assert statuses <= {"200 OK", "201 Created"}, answer.text


def listed(bundle: Mapping[str, Any]) -> list[str]:
    """Return TYPE/ID of the resources of a bundle."""
    resources = [one["resource"] for one in bundle.get("entry", ())]
    return [f"{one['resourceType']}/{one.get('id', '')}" for one in resources]


@contextlib.contextmanager
def serve_fhir(folder: Path) -> Iterator[tuple[str, Store]]:
    """Serve the engine with the keys above; yields the URL, and the engine's database."""
    (folder / "access.json").write_text(json.dumps(ACCESS))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRUME_RECORDS_ACCESS", str(folder / "access.json"))
        made = make_engine(folder)
    store = Store("", folder / "data", SCHEMA)
    with serve_engine(made, keys={**KEYS, WARD.access_key: WARD, STUDY.access_key: STUDY}) as url:
        yield url, store
    store.close()
