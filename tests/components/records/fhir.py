"""Serves FHIR's REST of a data store, and asks it with requests that botocore signs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from sqlalchemy import insert

from brume.aws.engine.service import Engine
from brume.aws.engine.store import Store
from brume.aws.wire.keys import Key
from brume.records.engine.access.audit import Audit
from brume.records.engine.access.rights import read_rights
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.healthlake.fhir.rest import Rest
from brume.records.engine.healthlake.store import FhirStore
from brume.records.engine.healthlake.tables import DATASTORES
from brume.records.engine.tables import SCHEMA
from brume.records.model.fhir.keys import keys
from tests.aws.serving import KEY, KEYS, serve_engine

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
    """Serve the routes, with the keys above; yields the URL and the database."""
    store = Store("", folder, SCHEMA)
    (folder / "access.json").write_text(json.dumps(ACCESS))
    audit = Audit(store)
    rest = Rest(
        FhirStore(store, keys), Scopes(read_rights(str(folder / "access.json"))), audit, lambda _: None
    )
    known = {**KEYS, WARD.access_key: WARD, STUDY.access_key: STUDY}
    made = Engine({}, routes=rest.routes(), page_secret=store.secret("pages"), close=store.close)
    with serve_engine(made, keys=known) as url:
        yield url, store


def make_datastore(store: Store, name: str) -> str:
    """Make a data store of the tests' account; returns its id."""
    row = {
        "id": name,
        "account": KEY.account,
        "region": REGION,
        "status": "ACTIVE",
        "given": {},
        "created": 0.0,
    }
    with store.write() as db:
        db.execute(insert(DATASTORES).values(**row))
    return name
