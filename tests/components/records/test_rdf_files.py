"""Files of RDF: every wrong line is named, and the same file is the same quads, blank nodes too."""

from __future__ import annotations

import bz2
import gzip
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import Quad

from brume.records.model.graph.rdf_files import Reading, Source, StoppedError, read

GOOD = "<http://e/{}> <http://e/p> <http://e/o> <http://e/g> .\n"


def quads(path: Path, kind: str = "nquads", **more: object) -> tuple[list[Quad], Reading]:
    reading = Reading()
    found = []
    try:
        for quad in read(Source(path, kind, "s3://bucket/file", **more), reading):  # type: ignore[arg-type]
            found.append(quad)
    except StoppedError:
        assert reading.errors
    return found, reading


def test_each_wrong_line_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    lines = [GOOD.format(number) for number in range(30_000)]  # more than a block
    lines[7] = "<http://e/7> <http://e/p> no .\n"
    lines[29_990] = '<http://e/a> <http://e/p> "open .\n'
    (tmp_path / "a.nq").write_text("".join(lines))
    found, reading = quads(tmp_path / "a.nq", tolerant=True)
    assert (len(found), reading.records, reading.wrong) == (29_998, 29_998, 2)
    assert [error.line for error in reading.errors] == [8, 29_991]
    assert all(error.reason for error in reading.errors)
    _, stopped = quads(tmp_path / "a.nq")
    assert [error.line for error in stopped.errors] == [8]


@pytest.mark.parametrize(
    ("kind", "text", "line"),
    [
        ("turtle", "@prefix e: <http://e/> .\ne:a e:b e:c .\ne:a e:b e .\n", 3),
        ("rdfxml", "<a>\n<b\n</a>", 0),  # its parser names no line of XML that is none
    ],
)
def test_a_file_that_cannot_be_read_on_says_why(tmp_path: Path, kind: str, text: str, line: int) -> None:
    (tmp_path / "file").write_text(text)
    _, reading = quads(tmp_path / "file", kind, tolerant=True)
    (error,) = reading.errors
    assert (reading.wrong, error.line) == (1, line)
    assert len(error.reason) > 10


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes])
def test_compressed_files_are_read_and_damaged_ones_are_an_error(tmp_path: Path, pack: type) -> None:
    data = pack("".join(GOOD.format(number) for number in range(1000)).encode())
    (tmp_path / "a").write_bytes(data)
    found, reading = quads(tmp_path / "a")
    assert (len(found), reading.wrong) == (1000, 0)
    (tmp_path / "b").write_bytes(data[:-20])
    _, reading = quads(tmp_path / "b")
    assert reading.wrong == 1


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes])
@pytest.mark.parametrize("kind", ["nquads", "turtle"])
def test_a_line_or_term_that_never_ends_costs_no_more_than_a_buffer(
    tmp_path: Path, pack: type, kind: str
) -> None:
    (tmp_path / "a").write_bytes(pack(b'<http://e/a> <http://e/p> "' + b"a" * (40 << 20)))
    tracemalloc.start()
    _, reading = quads(tmp_path / "a", kind, tolerant=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reading.wrong == 1
    assert any(word in reading.errors[0].reason for word in ("times its size", "16 MiB", "too long"))
    assert peak < 100 << 20


RDFXML = """<?xml version="1.0"?><!-- it's a head --><!DOCTYPE r [<!-- ] --> {} ]>
<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">
<r:Description r:about="{}a"><e:p>{}</e:p></r:Description></r:RDF>"""


def test_entities_of_rdf_xml_are_read_where_they_stand_for_little(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(RDFXML.format('<!ENTITY e "http://e/">', "&e;", "&e;"))
    (quad,), reading = quads(tmp_path / "a", "rdfxml")
    assert (reading.wrong, str(quad.subject), str(quad.object)) == (0, "<http://e/a>", '"http://e/"')


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "xxxxxxxxxx">'
        + "".join(f'<!ENTITY {two} "{f"&{one};" * 10}">' for one, two in pairwise("abcdefghi")),
        f'<!ENTITY i "{"x" * 5000}">',
    ],
    ids=["nested", "long"],
)
@pytest.mark.parametrize(
    "late", [False, True]
)  # in a DOCTYPE that XML does not allow there, and the parser does
@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_entities_of_rdf_xml_that_stand_for_much_are_refused(
    tmp_path: Path, pack: type, declared: str, late: bool
) -> None:
    text = RDFXML.format(declared, "http://e/", "&i;" * 9)
    if late:
        head, doctype, rest = text.partition("<!DOCTYPE")[0], *text.partition("<!DOCTYPE")[2].split("]>\n", 1)
        text = head + rest.replace("<e:p>", f"<!--{' ' * (2 << 20)}--><!DOCTYPE{doctype}]><e:p>")
    (tmp_path / "a").write_bytes(pack(text.encode()))
    _, reading = quads(tmp_path / "a", "rdfxml")
    assert reading.wrong == 1
    assert "entity" in reading.errors[0].reason


BLANK = {
    "ntriples": "_:a <http://e/p> _:b .\n_:b <http://e/p> _:a .\n",
    "turtle": '@prefix e: <http://e/> .\n[] e:p [ e:q ( 1 2 ) ] .\n_:x e:r "s" .\n',
    "rdfxml": (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">'
        "<rdf:Description><e:p><rdf:Description/></e:p></rdf:Description></rdf:RDF>"
    ),
}


@pytest.mark.parametrize("kind", BLANK)
def test_blank_nodes_are_those_of_the_file(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_text(BLANK[kind])
    once, _ = quads(tmp_path / "a", kind)
    again, _ = quads(tmp_path / "a", kind)
    assert set(once) == set(again)
    other = set(read(Source(tmp_path / "a", kind, "s3://bucket/other"), Reading()))
    assert not {quad.subject for quad in other} & {quad.subject for quad in once}


def test_triples_go_to_the_graph_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("<http://e/a> <http://e/p> <http://e/b> .\n" + GOOD.format(1))
    found, _ = quads(tmp_path / "a", graph="http://e/named")
    assert {quad.graph_name.value for quad in found} == {"http://e/named", "http://e/g"}  # type: ignore[union-attr]


@settings(max_examples=100, deadline=None)
@given(wrong=st.sets(st.integers(0, 59), max_size=10), endless=st.booleans())
def test_nothing_is_lost_but_what_is_wrong(
    tmp_path_factory: pytest.TempPathFactory, wrong: set[int], endless: bool
) -> None:
    lines = ["not RDF\n" if number in wrong else GOOD.format(number) for number in range(60)]
    text = "".join(lines).rstrip("\n") if endless else "".join(lines)
    path = tmp_path_factory.mktemp("lines") / "a.nq"
    path.write_text(text)
    found, reading = quads(path, tolerant=True)
    assert {quad.subject.value for quad in found} == {  # type: ignore[union-attr]
        f"http://e/{number}" for number in set(range(60)) - wrong
    }
    assert {error.line - 1 for error in reading.errors} == wrong
