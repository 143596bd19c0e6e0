"""What graph-notebook's own integration tests ask, by its client; prints what came back as JSON.

    python graph_notebook_client.py HOST PORT SOURCE SIGNED

The tests are test/integration/{without_iam/{sparql,status,system},iam/{statistics,system,load}} of
aws/graph-notebook 5.3.0 (Apache-2.0), which its package does not hold.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

from botocore.session import get_session
from graph_notebook.neptune.client import ClientBuilder

LONG = "SELECT * WHERE { ?s ?p ?o . ?s2 ?p2 ?o2 .?s3 ?p3 ?o3 . ?s4 ?s5 ?s6 .} ORDER BY DESC(?s)"


def main() -> None:
    """Ask everything."""
    host, port, source, signed = sys.argv[1:]
    builder = ClientBuilder().with_host(host).with_port(int(port)).with_tls(False).with_sparql_path("sparql")
    builder = builder.with_region("us-east-1")
    if signed == "signed":
        builder = builder.with_iam(get_session())
    client = builder.build()
    found: dict[str, Any] = {"status": client.status().json()}
    query = "SELECT * WHERE {?s ?p ?o} LIMIT 1"
    update = f"INSERT DATA {{ <a:a> <a:b> {' , '.join(map(str, range(300)))} }}"
    found["update"] = client.sparql(update).status_code
    found["query"] = client.sparql(query).json()
    found["explain"] = client.sparql_explain(query).text
    absent = client.sparql_status("invalid-guid")
    found["absent"] = [absent.status_code, absent.text]
    cancelled = client.sparql_cancel("invalid-guid")
    found["cancel_absent"] = [cancelled.status_code, cancelled.json()["detailedMessage"]]
    found["cancelled"] = [cancel(client, silent) for silent in (False, True)]
    found["reset"] = client.initiate_reset().json()
    wrong = client.perform_reset("invalid")
    found["wrong_token"] = [wrong.status_code, wrong.json()["detailedMessage"]]
    for language in ("pg", "sparql"):
        found[language] = {
            mode: client.statistics(language, mode=mode).json()
            for mode in ("status", "disableAutoCompute", "enableAutoCompute", "delete", "refresh")
        }
        found[language]["summary"] = client.statistics(language, True, "detailed").json()
    loaded = client.load(source, "turtle", "arn:aws:iam::123456789012:role/load", failOnError="TRUE").json()
    identity = loaded["payload"]["loadId"]
    found["load"] = client.load_status(identity, details="TRUE").json()
    found["cancel_load"] = client.cancel_load(identity).status_code
    found["loads"] = client.load_status().json()
    print(json.dumps(found))


def cancel(client: Any, silent: bool) -> list[Any]:
    """Cancel a long query; returns the answer to that, and the query's own."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(client.sparql(LONG)))
    thread.start()
    queries: list[Any] = []
    while not queries:
        time.sleep(0.1)
        queries = [one for one in client.sparql_status().json()["queries"] if LONG in one["queryString"]]
    answer = client.sparql_cancel(queries[0]["queryId"], silent).json()
    thread.join()
    return [sorted(answer), answers[0].status_code, answers[0].json()]


main()
