"""SPARQL that would reach over the network is refused in every disguise, and nothing else is."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import DefaultGraph, NamedNode, Quad, Store

from brume.records.model.graph import fallback, isolation, syntax
from brume.records.model.graph.syntax import Form, MalformedError, RefusedError, RequestError

ASKED = "http://127.0.0.1:1/"
DISGUISES = [
    "SELECT * { SERVICE <I> {} }",
    "SELECT*{SERVICE<I>{}}",
    "select * { sErViCe silent <I> { ?s ?p ?o } }",
    "SELECT * { # a comment\n\r SERVICE # another {\n <I> {} }",
    "SELECT*{SERVICESILENT<I>{}}",
    "PREFIX : <I> SELECT*{SERVICE:a{}}",
    "PREFIX : <I> SELECT*{service:a #\n{}}",
    "PREFIX e: <I> SELECT*{SERVICEe:a{}}",
    "PREFIX e: <I> SELECT*{SERVICESILENTe:a{}}",
    "PREFIX e: <I> SELECT*{?s ?p trueSERVICEe:a{}}",
    "SELECT*{?s ?p trueSERVICE<I>{}}",
    "SELECT*{?s ?p 1SERVICE<I>{}}",
    "SELECT*{?s ?p 1.5e3SERVICE<I>{}}",
    'SELECT*{?s ?p "a"SERVICE<I>{}}',
    "SELECT*{FILTER(1<2)SERVICE<I>{}}",
    "SELECT*{FILTER(1<2)SERVICE?x{FILTER(2>1)}}",
    "SELECT*{BIND(<I> AS ?SERVICE)SERVICE?SERVICE{}}",
    "SELECT*{?s e:a\\#b ?o SERVICE <I> {}}",
    "SELECT*{?s ?p <http://a#b> SERVICE <I> {}}",
    "SELECT*{?s ?p '''a''SERVICE''' , \"\\\"\" SERVICE <I> {}}",
    "SELECT*{{SELECT*{OPTIONAL{SERVICE <I> {}}}}}",
    "SELECT*{SERV\\u0049CE <I> {}}",
    "SELECT*{\\U00000053ERVICE <I> {}}",
    'SELECT*{?s ?p "\\u0022 SERVICE <I> {} # "}',
    "ASK{FILTER EXISTS{SERVICE <I> {}}}",
    "DESCRIBE ?x {SERVICE <I> {}}",
    "CONSTRUCT {?s ?p ?o} WHERE {SERVICE <I> {?s ?p ?o}}",
]
UPDATES = [
    "LOAD <I>",
    "load silent <I> into graph <g>",
    "LOADSILENT<I>",
    "PREFIX : <I> LOAD:a",
    "PREFIX e: <I> LOADe:a",
    "INSERT DATA {};LOAD<I>",
    "INSERT DATA {} ; # LOAD\n LOAD <I>",
    "L\\u004fAD <I>",
    "INSERT DATA {} ; PREFIX e: <I> LOADe:a",
    "INSERT {?s ?p ?o} WHERE {SERVICE <I> {?s ?p ?o}}",
    "DELETE {?s ?p ?o} USING <g> WHERE {{SERVICE SILENT <I> {?s ?p ?o}}}",
]
ALLOWED = [
    "SELECT * {?s ?p ?o} # SERVICE <http://a> {}",
    'SELECT * {?s ?p "SERVICE <http://a> {}" , """LOAD "" x""" , \'service\'@en}',
    "PREFIX service: <http://a/> SELECT * FROM service:g { ?s service:a/service:b service:c }",
    "PREFIX service: <http://a/> SELECT * { GRAPH service:g { ?s ?p <http://load/service> } }",
    "SELECT ?service ?load { ?service ?p ?load . FILTER(?service<?load && ?load>?p) }",
    "SELECT * {?s !(<a:b>|^<a:c>)*/<a:d>+ ?o . _:b.c ?p 1.5e-3, .5, -1, true ; a [ ] }",
    'ASK { FILTER regex("load", "\\\\u00e9|^a") }',
]
ALLOWED_UPDATES = [
    "PREFIX load: <http://a/> INSERT DATA { load:a load:b load:c . GRAPH load:g { load:a load:b 1 } }",
    "PREFIX load: <http://a/> COPY load:a TO load:b; CLEAR SILENT GRAPH load:a ; DROP GRAPH load:b",
    "PREFIX load: <http://a/> WITH load:g DELETE {?s ?p ?o} WHERE {?s load:p ?o}",
]


@pytest.mark.parametrize(
    ("text", "update"), [(text, False) for text in DISGUISES] + [(text, True) for text in UPDATES]
)
def test_a_disguise_is_refused_with_its_place(text: str, update: bool) -> None:
    with pytest.raises(RefusedError, match=r"line \d+, column \d+: (SERVICE|LOAD) is not done here"):
        syntax.read(text.replace("<I>", f"<{ASKED}>"), update=update)


@pytest.mark.parametrize("text", ALLOWED)
def test_a_word_of_the_same_letters_is_none(text: str) -> None:
    read = syntax.read(text, update=False)
    assert len(read.text) == len(text)
    Store().query(read.text)  # which takes it as well


@pytest.mark.parametrize("text", ALLOWED_UPDATES)
def test_a_name_in_an_update_is_no_keyword(text: str) -> None:
    assert syntax.read(text, update=True).form == Form.UPDATE


def test_what_is_no_sparql_is_named_with_its_place() -> None:
    with pytest.raises(MalformedError, match="line 2, column 4"):
        syntax.read("SELECT *\n { \x0c }", update=False)
    with pytest.raises(MalformedError, match="begins with none of"):
        syntax.read("PREFIX a: <b:c> FIND ?x {}", update=False)
    with pytest.raises(MalformedError, match="send it as `update`"):
        syntax.read("INSERT DATA {}", update=False)
    with pytest.raises(MalformedError, match="send it as `query`"):
        syntax.read("ASK {}", update=True)


HINTS = "http://aws.amazon.com/neptune/vocab/v01/QueryHints#"


@pytest.mark.parametrize(
    "hint",
    [
        'hint:Query hint:joinOrder "Ordered" .',
        "hint:Query hint:queryTimeout 100 ; hint:queryId 'a' .",
        f'<{HINTS}Group> <{HINTS}joinOrder> "Ordered" .',
        "hint:Prior # a comment\n hint:rangeSafe true .",
    ],
)
def test_hints_are_no_patterns(hint: str) -> None:
    text = f"PREFIX hint: <{HINTS}> SELECT ?s {{ ?s <a:b> 1 . {hint} ?s <a:c> 2 }}"
    store = Store()
    store.update("INSERT DATA { <a:a> <a:b> 1 ; <a:c> 2 }")
    assert len(list(store.query(syntax.read(text, update=False).text))) == 1  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[int, list[int]]]:
    """A port, and the connections that were made to it."""
    made: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    one, _ = server.accept()
                except OSError:
                    return
                made.append(1)
                one.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], made
        server.shutdown(socket.SHUT_RDWR)
    thread.join(60)


PIECES = ["SERVICE", "service", "SILENT", "LOAD", "INTO", "GRAPH", "<I>", "e:a", ":a", "e:", "?x"]
PIECES += ["{", "}", "{}", " ", "\n", "#", "#\n", '"', "'", '"""', "\\", "\\u0053", "<", ">", ";", ".", ","]
PIECES += ["(", ")", "true", "1", "1.", "@en", "_:b", "e:a\\#", "FILTER(1<2)", "OPTIONAL", "MINUS"]
PIECES += ["BIND(<I> AS ?x)", "VALUES ?x {<I>}"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("PREFIX :<a> SELECT*FROM:g{?s ?p ?o}", True),
        ("PREFIX :<a> SELECT*FROM NAMED:g{?s ?p ?o}", True),
        ("PREFIX :<a> DESCRIBE*FROM:g{?s ?p ?o}", True),
        ("PREFIX from:<a> SELECT*{?s from:x ?o}", False),
        ("PREFIX from:<a> DESCRIBE from:x", False),
    ],
)
def test_a_query_names_its_graphs_with_and_without_a_space(query: str, named: bool) -> None:
    assert syntax.read(query, update=False).own_dataset is named


HEADS = ["", "SELECT*{", "ASK{?s ?p ", "INSERT DATA{};", "INSERT{?s ?p ?o}WHERE{", "SELECT*FROM<I>{"]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=st.sampled_from(HEADS),
    pieces=st.lists(st.sampled_from(PIECES), max_size=12),
    tail=st.sampled_from(["", "}", "}}", "{}}"]),
)
def test_whatever_is_let_through_asks_nobody(
    asked: tuple[int, list[int]], head: str, pieces: list[str], tail: str
) -> None:
    port, made = asked
    address = f"<http://127.0.0.1:{port}/>"
    body = (head + "".join(pieces) + tail).replace("<I>", address)
    text = f"PREFIX e: {address} PREFIX : {address} {body}"
    for update in (False, True):
        try:
            read = syntax.read(text, update=update)
        except RequestError:
            continue
        store = Store()
        store.update("INSERT DATA { <a:a> <a:b> <a:c> }")
        try:
            if update:
                store.update(fallback.explicit(read.text))
            else:
                list(store.query(read.text))  # type: ignore[arg-type]
        except (SyntaxError, RuntimeError, OSError, TypeError, MalformedError):
            pass
    assert not made, text


TRIPLES = st.sampled_from(
    ["", "<a:a> <a:b> 1", "<a:a> <a:b> 1, 2; <a:c> 3 .", "<a:d> <a:b> 1 . <a:e> <a:b> 2"]
)
OF_A_GRAPH = st.builds("GRAPH <a:g> {{ {} }} {}".format, TRIPLES, st.sampled_from(["", "."]))
DATA = st.builds("{{ {} {} {} {} }}".format, TRIPLES, OF_A_GRAPH, TRIPLES, OF_A_GRAPH)
ACTIONS = st.one_of(
    st.builds("{} DATA {}".format, st.sampled_from(["INSERT", "delete"]), DATA),
    st.builds("{} SILENT {} TO {}".format, st.sampled_from(["COPY", "MOVE", "ADD"]), *[
        st.sampled_from(["DEFAULT", "GRAPH <a:g>", "<a:h>"])] * 2),
    st.builds("{} SILENT {}".format, st.sampled_from(["CLEAR", "DROP"]), st.sampled_from(["DEFAULT", "ALL"])),
    st.sampled_from([
        "DELETE WHERE { ?s <a:b> 1 }",
        "DELETE { ?s <a:b> ?o } INSERT { ?s <a:n> ?o . GRAPH <a:h> { ?s <a:n> 4 } } WHERE { ?s <a:b> ?o }",
        "WITH <a:g> INSERT { ?s <a:w> ?o } WHERE { ?s <a:b> ?o }",
        "INSERT { ?s <a:u> ?o } USING <a:g> WHERE { ?s <a:b> ?o }",
    ]),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=6))
def test_an_update_that_names_its_graphs_does_the_same(actions: list[str]) -> None:
    """As the default graph of SPARQL, but in the graph that Neptune has for it."""
    text = " ;\n".join(actions)
    plain, explicit = Store(), Store()
    plain.update(text)
    explicit.update(fallback.explicit(text))
    named = NamedNode(fallback.DEFAULT)
    assert set(explicit) == {
        Quad(quad.subject, quad.predicate, quad.object, named)
        if isinstance(quad.graph_name, DefaultGraph)
        else quad
        for quad in plain
    }


@pytest.mark.parametrize("text", ["INSERTDATA { <a:a> <a:b> 1 }", "CLEAR ALL ; SELECT * {}", "DELETE WHERE"])
def test_an_update_that_is_not_known_does_nothing_without_a_graph(text: str) -> None:
    store = Store()
    with pytest.raises((MalformedError, SyntaxError)):
        store.update(fallback.explicit(text))


def test_the_store_does_ask_where_nothing_holds_it(asked: tuple[int, list[int]]) -> None:
    """That the test above could fail."""
    port, made = asked
    with pytest.raises((OSError, RuntimeError)):
        list(Store().query(f"SELECT*{{SERVICE<http://127.0.0.1:{port}/>{{}}}}"))  # type: ignore[arg-type]
    assert made
    made.clear()


@pytest.mark.skipif(not isolation.available(), reason="this system cannot take the network from a process")
def test_a_process_without_network_opens_no_socket_and_its_children_none() -> None:
    program = """
import socket, subprocess, sys
from brume.records.model.graph.isolation import leave_network
from pyoxigraph import DefaultGraph, NamedNode, Quad, Store
ours, theirs = socket.socketpair()
assert leave_network()
ours.sendall(b"x")
assert theirs.recv(1) == b"x"
for kind in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
    try:
        socket.socket(kind)
    except PermissionError:
        continue
    sys.exit("a socket")
acts = [
    lambda: list(Store().query("SELECT * {SERVICE <http://127.0.0.1:8000/> {}}")),
    lambda: Store().update("LOAD <http://127.0.0.1:8000/>"),
]
for act in acts:
    try:
        act()
    except PermissionError:
        continue
    sys.exit("asked")
code = "import socket\\ntry:\\n  socket.socket()\\nexcept PermissionError:\\n  raise SystemExit(7)"
sys.exit(0 if subprocess.run([sys.executable, "-c", code]).returncode == 7 else "a child's socket")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
