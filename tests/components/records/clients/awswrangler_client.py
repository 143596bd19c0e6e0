"""Writes and reads a graph by awswrangler, over TLS and signed; prints what came back as JSON.

python awswrangler_client.py HOST PORT CERTIFICATES SOURCE
"""

from __future__ import annotations

import json
import sys
from typing import Any

import awswrangler
import pandas as pd


def main() -> None:
    """Ask everything."""
    host, port, certificates, source = sys.argv[1:]
    client = awswrangler.neptune.connect(host, int(port), iam_enabled=True)
    client._http_session.verify = certificates  # its documented line: it takes no other authority
    found: dict[str, Any] = {"status": client.status()}
    rows = pd.DataFrame(
        {
            "s": ["http://e/a", "http://e/b"],
            "p": ["http://e/p"] * 2,
            "o": ["http://e/x", "http://e/y"],
            "g": ["http://e/g"] * 2,
        }
    )
    found["written"] = awswrangler.neptune.to_rdf_graph(client, rows)
    query = "SELECT ?s ?o { GRAPH <http://e/g> { ?s ?p ?o } } ORDER BY ?s"
    found["read"] = awswrangler.neptune.execute_sparql(client, query).to_numpy().tolist()
    identity = client.load(source, "arn:aws:iam::123456789012:role/load", format="nquads")
    found["load"] = client.load_status(identity)
    try:
        client.read_sparql("SELECT * {")
    except awswrangler.exceptions.QueryFailed as error:
        found["error"] = str(error)
    print(json.dumps(found))


main()
