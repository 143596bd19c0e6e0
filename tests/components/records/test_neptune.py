"""Neptune's data API by boto3 and by its raw HTTP: SPARQL, statistics, reset."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import requests
from botocore.exceptions import ClientError
from pyoxigraph import RdfFormat, parse

from brume.records.model.graph.fallback import DEFAULT
from tests.aws.serving import KEYS, client_of
from tests.components.records.graphs import ask, change, neptune, serve_graph, status
from tests.polling import until

MOVED = "MOVE <http://e/h> TO <http://e/i> ; ADD <http://e/i> TO DEFAULT ; DROP GRAPH <http://e/i>"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_graph(tmp_path_factory.mktemp("neptune")) as made:
        change(
            made,
            'INSERT DATA { <http://e/a> <http://e/p> "é<&\\"\\n" , 7 . '
            "GRAPH <http://e/g> { <http://e/b> a <http://e/C> } }",
        )
        rows = " . ".join(f"<http://e/n{number}> <http://e/q> {number}" for number in range(300))
        change(made, f"INSERT DATA {{ GRAPH <http://e/many> {{ {rows} }} }}")
        yield made


def get(url: str, accept: str, query: str) -> requests.Response:
    return requests.get(f"{url}/sparql", params={"query": query}, headers={"accept": accept}, timeout=60)


def test_the_default_graph_is_the_union_of_all_unless_the_query_names_its_own(url: str) -> None:
    one = "SELECT ?s { ?s a <http://e/C> }"
    assert ask(url, one) == [("http://e/b",)]
    assert ask(url, one, **{"default-graph-uri": "http://e/g"}) == [("http://e/b",)]
    assert ask(url, one, **{"default-graph-uri": "http://e/many"}) == []
    assert ask(url, "ASK FROM <http://e/many> { ?s a <http://e/C> }") is False
    assert ask(url, "ASK FROM <http://e/g> { ?s a <http://e/C> }") is True
    assert ask(url, "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }", **{"named-graph-uri": "http://e/g"}) == [
        ("http://e/g",)
    ]


def test_triples_without_a_graph_are_those_of_neptunes_named_one(url: str) -> None:
    """And the four prefixes that Neptune knows need no declaration."""
    change(url, "INSERT DATA { <http://e/plain> rdf:type owl:Thing . GRAPH <http://e/h> { <a:a> <a:b> 1 } }")
    graphs = "SELECT ?g { GRAPH ?g { ?s a owl:Thing } }"
    assert ask(url, graphs) == [(DEFAULT,)]
    assert ask(url, graphs, **{"named-graph-uri": DEFAULT}) == [(DEFAULT,)]
    change(url, f"DELETE {{ ?s a owl:Thing }} INSERT {{ ?s a ?g }} WHERE {{ ?s a owl:Thing }} ; {MOVED}")
    assert ask(url, "SELECT ?g { GRAPH ?g { ?s <a:b> 1 } }") == [(DEFAULT,)]
    change(url, "DELETE WHERE { ?s <a:b> 1 }")
    assert not ask(url, "ASK { ?s <a:b> 1 }")


def test_results_come_in_the_form_that_is_asked_for(url: str) -> None:
    query = "SELECT ?o { <http://e/a> <http://e/p> ?o } ORDER BY ?o"
    kinds = {
        "": "application/sparql-results+json",
        "text/html, */*;q=0.1": "application/sparql-results+json",
        "application/json": "application/sparql-results+json",
        "text/csv;q=0.5, application/sparql-results+xml": "application/sparql-results+xml",
        "text/csv, application/sparql-results+xml;q=0.5": "text/csv",
        "text/tab-separated-values": "text/tab-separated-values",
    }
    bodies = {}
    for accept, media in kinds.items():
        answer = get(url, accept, query)
        assert (answer.status_code, answer.headers["content-type"]) == (200, media), answer.text
        bodies[media] = answer.content.decode()
    found = ElementTree.fromstring(bodies["application/sparql-results+xml"])
    values = [one.text for one in found.iter("{http://www.w3.org/2005/sparql-results#}literal")]
    assert set(values) == {'é<&"\n', "7"}
    assert {row[0] for row in csv.reader(bodies["text/csv"].splitlines(keepends=True))} == {
        "o",
        'é<&"\n',
        "7",
    }


def test_graphs_come_in_the_form_that_is_asked_for(url: str) -> None:
    for accept, kind in {
        "": RdfFormat.N_QUADS,
        "application/n-triples": RdfFormat.N_TRIPLES,
        "text/turtle": RdfFormat.TURTLE,
        "application/rdf+xml": RdfFormat.RDF_XML,
    }.items():
        answer = get(url, accept, "CONSTRUCT WHERE { <http://e/a> ?p ?o }")
        assert len(list(parse(answer.content, kind))) == 2
    assert get(url, "", "DESCRIBE <http://e/b>").text.count("\n") == 1


def test_each_way_of_the_protocol(url: str) -> None:
    query, update = "ASK { ?s a <http://e/C> }", "INSERT DATA { <http://e/sent> <http://e/way> 1 }"
    types = {"query": "application/sparql-query", "update": "application/sparql-update"}
    for name, text in (("query", query), ("update", update)):
        direct = requests.post(
            f"{url}/sparql", data=text.encode(), headers={"content-type": types[name]}, timeout=60
        )
        form = requests.post(f"{url}/sparql/", data={name: text}, timeout=60)
        # As the AWS sample sends it: a form whose value is not encoded.
        plain = requests.post(
            f"{url}/sparql",
            data=f"{name}={text}",
            headers={"content-type": "application/x-www-form-urlencoded"},
            timeout=60,
        )
        assert [one.status_code for one in (direct, form, plain)] == [200] * 3
    assert ask(url, "SELECT ?o { <http://e/sent> <http://e/way> ?o }") == [("1",)]


@pytest.mark.parametrize(
    ("data", "status", "code", "words"),
    [
        ({"query": "SELECT * {?s ?p "}, 400, "MalformedQueryException", "1:"),
        ({"query": "SELECT * { \x0c }"}, 400, "MalformedQueryException", "line 1, column 12"),
        ({"query": "SELECT * {SERVICE <http://e/> {}}"}, 403, "AccessDeniedException", "SERVICE is not done"),
        ({"update": "LOAD <http://e/>"}, 403, "AccessDeniedException", "LOAD is not done"),
        ({"query": "INSERT DATA {}"}, 400, "MalformedQueryException", "send it as `update`"),
        ({"update": "CLEAR GRAPH <http://e/absent>"}, 400, "BadRequestException", "http://e/absent"),
        ({}, 400, "MissingParameterException", "query or update"),
        ({"query": "ASK {}", "queryId": "mine"}, 400, "InvalidParameterException", "not a UUID"),
        ({"update": "CLEAR ALL", "using-graph-uri": "http://e/g"}, 400, "BadRequestException", "USING"),
        ({"query": "ASK {}", "explain": "no"}, 400, "InvalidParameterException", "static, dynamic"),
    ],
)
def test_errors_name_what_is_wrong(
    url: str, data: dict[str, str], status: int, code: str, words: str
) -> None:
    answer = requests.post(f"{url}/sparql", data=data, timeout=60)
    found = answer.json()
    assert (answer.status_code, found["code"]) == (status, code)
    assert words in found["detailedMessage"]
    assert found["requestId"]


def test_an_update_is_not_taken_by_get(url: str) -> None:
    answer = requests.get(f"{url}/sparql", params={"update": "CLEAR ALL"}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (405, "MethodNotAllowedException")
    assert ask(url, "ASK { ?s a <http://e/C> }")


def test_an_update_is_seen_by_the_next_query_and_a_failed_one_changes_nothing(url: str) -> None:
    before = ask(url, "SELECT * { ?s ?p ?o }")
    answer = requests.post(
        f"{url}/sparql", data={"update": "INSERT DATA { <a:a> <a:b> 1 } ; CLEAR GRAPH <a:none>"}, timeout=60
    )
    assert answer.status_code == 400
    assert ask(url, "SELECT * { ?s ?p ?o }") == before
    for number in range(4):
        change(url, f"INSERT DATA {{ <http://e/row> <http://e/r> {number} }}")
        assert len(ask(url, "SELECT ?o { <http://e/row> <http://e/r> ?o }")) == number + 1
    change(url, "DELETE WHERE { <http://e/row> ?p ?o }")
    assert ask(url, "SELECT * { ?s ?p ?o }") == before


def test_each_operation_of_an_update_may_declare_its_prefixes(url: str) -> None:
    """The store alone refuses them behind the first; what is wrong has the place where it came."""
    change(
        url,
        """PREFIX e: <http://one/> # ; PREFIX
        INSERT DATA { e:a <http://e/late> ';' } ;
        BASE <http://e/> PREFIX e: <http://two/>
        INSERT { e:b <late> ?o } WHERE { <http://one/a> <late> ?o } ; PREFIX f: <http://three/>""",
    )
    assert ask(url, "SELECT ?s { ?s <http://e/late> ';' }") == [("http://one/a",), ("http://two/b",)]
    wrong = "INSERT DATA { <a:a> <a:b> 1 } ;\nPREFIX e: <a:> INSERT DATA { e:a e:b }"
    answer = requests.post(f"{url}/sparql", data={"update": wrong}, timeout=60)
    assert answer.status_code == 400 and "2:38" in answer.json()["detailedMessage"]
    assert not ask(url, "ASK { <a:a> ?p ?o }")
    change(url, "DELETE WHERE { ?s <http://e/late> ?o }")


def test_a_graph_is_read_replaced_added_to_and_deleted_as_a_whole(url: str) -> None:
    """The Graph Store Protocol, at the address that Neptune has for it.

    aws/graph-notebook#523: files of Turtle beside a notebook, neither the loader's nor updates.
    """
    turtle, quads = {"content-type": "text/turtle"}, {"content-type": "application/n-quads"}
    where = f"{url}/sparql/gsp/?graph=http://e/whole"

    def send(method: str, data: str = "", place: str = where, **headers: str) -> requests.Response:
        return requests.request(method, place, data=data.encode(), headers=headers, timeout=60)

    def held(graph: str = "http://e/whole") -> list[str]:
        return [one for (one,) in ask(url, f"SELECT ?o {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}")]

    assert send("GET").status_code == send("HEAD").status_code == send("DELETE").status_code == 404
    assert send("PUT", "<a> <p> 1, 2 . _:x <p> 3 .", **turtle).status_code == 201
    assert ask(url, "SELECT ?o { <http://e/a> <http://e/p> ?o . GRAPH <http://e/whole> { ?s ?p ?o } }")
    assert send("POST", "<a> <p> 2, 4 . _:x <p> 5 .", **turtle).status_code == 204
    assert held() == ["1", "2", "3", "4", "5"]
    assert len(ask(url, "SELECT DISTINCT ?s { GRAPH <http://e/whole> { ?s ?p ?o } }")) == 3
    other = '<http://e/a> <http://e/p> "other" <http://e/other> .\n<http://e/a> <http://e/p> "6" .'
    assert send("PUT", other, **quads).status_code == 204
    assert (held(), held("http://e/other")) == (["6"], ["other"])
    assert len(list(parse(send("GET", accept="text/turtle").content, RdfFormat.TURTLE))) == 1
    head = send("HEAD", accept="text/turtle")
    assert (head.status_code, head.headers["content-type"], head.content) == (200, "text/turtle", b"")
    everything = f"{url}/sparql/gsp?default"
    assert send("POST", "<http://e/a> <http://e/p> 'plain' .", everything, **turtle).status_code in (201, 204)
    assert "plain" in held(DEFAULT)
    assert {"plain", "6", "other"} <= {
        quad.object.value for quad in parse(send("GET", place=everything).content, RdfFormat.N_QUADS)
    }
    for graph in ("whole", "other"):
        assert send("DELETE", place=f"{url}/sparql/gsp/?graph=http://e/{graph}").status_code == 204
    assert not held()
    change(url, "DELETE WHERE { ?s ?p 'plain' }")
    for method, data, place, code, words in (
        ("PUT", "<a> <p> ", where, 400, "Malformed body: line 1"),
        ("GET", "", f"{url}/sparql/gsp/", 400, "?default"),
        ("GET", "", f"{where}&default", 400, "one graph"),
        ("GET", "", f"{url}/sparql/gsp/?graph=whole", 400, "absolute IRI"),
    ):
        answer = send(method, data, place, **turtle)
        assert (answer.status_code, words in answer.json()["detailedMessage"]) == (code, True), answer.text
    assert send("POST", "", where, **{"content-type": "text/plain"}).status_code == 415
    assert not held()


def test_a_large_result_is_sent_while_it_is_made(url: str) -> None:
    """90,000 rows: more than what is kept to see whether a result begins well."""
    query = "SELECT ?s ?t { ?s <http://e/q> ?a . ?t <http://e/q> ?b }"
    with requests.post(f"{url}/sparql", data={"query": query}, stream=True, timeout=60) as answer:
        assert answer.headers.get("content-length") is None
        assert len(answer.json()["results"]["bindings"]) == 90_000
    with requests.post(f"{url}/sparql", data={"query": query}, stream=True, timeout=60) as answer:
        answer.raw.read(1000)  # a client that goes: nothing is left behind
    until(lambda: not status(url)["queries"], "the query of the client that went to end")


def test_apostrophes_in_texts_are_kept_and_a_text_that_ends_early_is_named(url: str) -> None:
    """aws/graph-notebook#101: O'Hare and St. Mary's Park, which a seed file had in single quotes."""
    texts = ["O'Hare", "St. Mary's Park; LOAD <http://e/> # SERVICE", "d'\"Or"]
    for quote in ('"', "'''", "'"):
        written = [
            one.replace("\\", "\\\\").replace(quote[0], "\\" + quote[0]) if len(quote) == 1 else one + " "
            for one in texts
        ]
        rows = " , ".join(f"{quote}{one}{quote}" for one in written)
        change(url, f"INSERT DATA {{ GRAPH <http://e/quotes> {{ <http://e/q> <http://e/called> {rows} }} }}")
        found = {row[0].rstrip() for row in ask(url, "SELECT ?o { <http://e/q> <http://e/called> ?o }")}
        assert found == set(texts)
        change(url, "DROP GRAPH <http://e/quotes>")
    update = "INSERT DATA { <http://e/q>\n <http://e/called> 'O'Hare Airport' }"
    answer = requests.post(f"{url}/sparql", data={"update": update}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (400, "MalformedQueryException")
    assert "2" in answer.json()["detailedMessage"]


def test_explain_as_text_and_as_html(url: str) -> None:
    data = {"query": "SELECT ?s { ?s ?p '<b>' }", "explain": "dynamic"}
    page = requests.post(f"{url}/sparql", data=data, headers={"accept": "text/html"}, timeout=60)
    assert page.text.startswith("<!DOCTYPE html>")
    plain = requests.post(f"{url}/sparql", data={**data, "explain": "static"}, timeout=60)
    assert plain.headers["content-type"].startswith("text/plain")
    assert "?s" in plain.text


def test_statistics_and_summary_count_the_graph(url: str) -> None:
    boto = neptune(url)
    quads = len(ask(url, "SELECT * { { ?s ?p ?o } }"))
    for name in ("sparql", "rdf"):
        found = requests.get(f"{url}/{name}/statistics", timeout=60).json()
        assert found["payload"]["active"] is True
    summary = boto.get_rdf_graph_summary(mode="detailed")["payload"]["graphSummary"]
    assert summary["numQuads"] == quads
    assert summary["classes"] == ["http://e/C"]
    assert {"http://e/q": 300} in summary["predicates"]
    assert {"count": 300, "predicates": ["http://e/q"]} in summary["subjectStructures"]
    assert "subjectStructures" not in boto.get_rdf_graph_summary()["payload"]["graphSummary"]
    assert boto.get_sparql_statistics()["payload"]["signatureInfo"]["predicateCount"] == len(
        summary["predicates"]
    )
    boto.delete_sparql_statistics()
    assert boto.get_sparql_statistics()["payload"]["active"] is False
    with pytest.raises(ClientError, match="refresh or enable"):
        boto.get_rdf_graph_summary()
    boto.manage_sparql_statistics(mode="refresh")
    assert boto.get_sparql_statistics()["payload"]["active"] is True


def test_the_property_graph_is_empty_and_its_languages_are_refused(url: str) -> None:
    boto = neptune(url, attempts=4)
    assert boto.get_propertygraph_summary(mode="detailed")["payload"]["graphSummary"]["numNodes"] == 0
    assert boto.get_propertygraph_statistics()["payload"]["signatureInfo"]["instanceCount"] == 0
    with pytest.raises(ClientError, match="this engine holds RDF: ask /sparql") as refused:
        boto.execute_gremlin_query(gremlinQuery="g.V()")
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_reset_takes_two_steps_and_a_restart_finds_what_came_after(tmp_path: Path) -> None:
    with serve_graph(tmp_path) as url:
        change(url, "INSERT DATA { <a:a> <a:b> 1 }")
        boto = neptune(url)
        with pytest.raises(ClientError, match="'wrong' does not match database reset token"):
            boto.execute_fast_reset(action="performDatabaseReset", token="wrong")
        token = boto.execute_fast_reset(action="initiateDatabaseReset")["payload"]["token"]
        assert ask(url, "ASK { ?s ?p ?o }")
        data = {"action": "performDatabaseReset", "token": token}
        assert requests.post(f"{url}/system", data=data, timeout=60).json() == {"status": "200 OK"}
        assert not ask(url, "ASK { ?s ?p ?o }")
        assert requests.post(f"{url}/system", data=data, timeout=60).status_code == 400  # it was used
        change(url, "INSERT DATA { <a:a> <a:b> 2 }")
    with serve_graph(tmp_path) as url:
        assert ask(url, "SELECT ?o { ?s ?p ?o }") == [("2",)]
        assert neptune(url).get_engine_status()["status"] == "healthy"


def test_requests_are_signed_unless_the_service_is_opened(tmp_path: Path) -> None:
    with serve_graph(tmp_path, keys=KEYS) as url:
        assert requests.get(f"{url}/sparql?query=ASK{{}}", timeout=60).status_code == 403
        assert client_of(url, "neptunedata").get_engine_status()["status"] == "healthy"
