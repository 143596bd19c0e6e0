"""The web server of the AWS sample aws-cdk-healthlake-knowledge-analyzer, written anew for a test.

It asks what the sample's page asks for, in the page's order: a search; what the graph has of all documents
that were found; what it has of one of them, which the page draws. As the sample does, it sends SPARQL as a
form that is not encoded, and reads members without a look whether they are there.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from brume.aws.wire.keys import Key

_RESOURCE, _KIND = "http://example.org/resource/", "http://example.org/entity-type/"
_ENTITIES = """
    PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
    PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
    PREFIX entity: <http://example.org/entity-type/>
    PREFIX rel: <http://example.org/relationship/>
    SELECT distinct ?doc_id ?doc_name ?ent_name ?ent_type
    WHERE
        {{
            ?doc_id rdf:type entity:document .
            ?doc_id rdfs:label ?doc_name .
            filter (
                {}
            )
            ?ent_id rel:found-in ?doc_id .
            ?ent_id rel:has-text ?text_id .
            ?text_id rdfs:label ?ent_name .
            ?ent_id rdf:type ?ent_type .
        }}
"""


class Sample:
    """The routes of the sample's server, as methods that return the JSON of their answers."""

    def __init__(self, kendra: Any, index: str, url: str, key: Key) -> None:
        """`url` is the address of Neptune."""
        self._kendra, self._index, self._url = kendra, index, url
        self._credentials = Credentials(key.access_key, key.secret)

    def search(self, text: str) -> dict[str, Any]:
        """Return what /api/kendraSearch answers: items with excerpts as HTML."""
        found = self._kendra.query(QueryText=text, IndexId=self._index, PageSize=15)
        items = []
        for one in found["ResultItems"]:
            shown = one["DocumentExcerpt"]
            if one["Type"] == "ANSWER":
                shown = one["AdditionalAttributes"][0]["Value"]["TextWithHighlightsValue"]
            item = {name: one[name] for name in ("Id", "Type", "DocumentURI", "DocumentId")}
            item |= {"DocumentTitle": one["DocumentTitle"]["Text"], "DocumentExcerpt": _marked(shown)}
            items.append(item | {"DocumentName": one["DocumentId"].replace("s3://notes/", "")})
        return {**{name: found[name] for name in ("TotalNumberOfResults", "QueryId")}, "ResultItems": items}

    def explore(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what /api/exploreDoc answers for names of documents: two maps, and nodes and edges."""
        wanted = " || ".join(f'contains(?doc_name, "{quote(name.lower())}"@en-US)' for name in names)
        rows = [
            {name: cell["value"] for name, cell in row.items()}
            for row in self._ask(_ENTITIES.format(wanted))["results"]["bindings"]
        ]
        files, entities = defaultdict(set), defaultdict(set)
        drawn: dict[str, Any] = {}
        for row in rows:
            files[row["ent_name"]].add(row["doc_name"])
            entities[row["doc_name"]].add(row["ent_name"])
            drawn |= _drawn(row)
        maps = {"ent_to_file_map": files, "file_to_ent_map": entities}
        return {name: {key: sorted(value) for key, value in one.items()} for name, one in maps.items()} | {
            "graph_viz_data": drawn
        }

    def _ask(self, query: str) -> Any:
        body = f"query={query}".replace("\n", "").encode()
        request = AWSRequest(
            "POST",
            f"{self._url}/sparql",
            data=body,
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        SigV4Auth(self._credentials, "neptune-db", "us-east-1").add_auth(request)
        answer = requests.post(request.url, data=body, headers=dict(request.headers), timeout=120)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text.replace(_RESOURCE, ""))


def _marked(shown: Mapping[str, Any]) -> str:
    text = str(shown["Text"])
    for mark in sorted(shown["Highlights"], key=lambda one: -one["BeginOffset"]):
        begin, end = mark["BeginOffset"], mark["EndOffset"]
        text = f"{text[:begin]}<b>{text[begin:end]}</b>{text[end:]}"
    return " ".join(text.split())


def _drawn(row: Mapping[str, str]) -> dict[str, Any]:
    """Return a document, an entity, the group of its type, and the edge between them, each under its id."""
    document, kind = row["doc_id"], row["ent_type"].replace(_KIND, "")
    entity = hashlib.md5(row["ent_name"].encode(), usedforsecurity=False).hexdigest()
    return {
        document: {"id": document, "shape": "HexagonNode", "label": row["doc_name"]},
        entity: {"id": entity, "shape": "CircleNode", "label": row["ent_name"], "comboId": kind},
        f"combo {kind}": {"id": kind, "label": kind, "collapsed": True},
        f"edge {entity}": {"source": document, "target": entity},
    }
