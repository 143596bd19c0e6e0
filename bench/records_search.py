"""How well and how fast notes are found by lay people's words.

Usage: ``python -m bench.records_search [--data DIR] [--large 25000]``.

Data: the notes of `records/fhir-10-patients` below BRUME_DATA (Synthea, 1,215 notes; they quote the displays
of their codes, so that good figures on them prove little), with the concepts of the export's codes. The
queries are this project's, in four files beside this one, a line of words and of displays each; a note is
right for a query if it quotes one of the displays. They were written from the list of displays, before the
notes were searched with them: by the author of the ranking, `lay_queries.tsv` was looked at while it was
tuned; `lay_queries_held.tsv` was written after that, and was read by the author of today's `lay_terms.json`
before that list was extended. `lay_queries_second.tsv` is by a second author, who knew the list of displays
alone, and was not read before; `lay_queries_third.tsv` is by a third, on the same terms. Displays of codes
are asked too: the words of the notes.

Compared are words alone (BM25), meaning alone (MiniLM, the nearest section), all that is done without
concepts in the notes, and with them. Times are of one search with its embedding, on the notes repeated to
`--large` of them, each with a section of its own; those sections have random embeddings, on whose values no
time depends.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brume.records.model.minilm import MiniLM
from brume.records.model.search.concepts import Term, plain
from brume.records.model.search.document import Document, Reader
from brume.records.model.search.index import WIDTH, Query, SearchIndex
from brume.records.model.search.judging import JudgedQuery, Quality, judge
from brume.records.model.search.lexical import Lexical
from brume.records.model.search.terms import TermFinder
from brume.records.model.search.vectors import VectorFile, Vectors, section_texts

HERE = Path(__file__).parent
TARGET_PRECISION, TARGET_NDCG = 0.90, 0.92
TARGET_P50, TARGET_P99 = 30, 100  # milliseconds
_CODED = {
    "AllergyIntolerance": "code",
    "Condition": "code",
    "Immunization": "vaccineCode",
    "MedicationRequest": "medicationCodeableConcept",
    "Procedure": "code",
}


def resources(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    """Yield the resources of a kind."""
    for path in sorted(folder.glob(f"{kind}.*ndjson")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


def read(folder: Path) -> tuple[list[Document], list[Term]]:
    """Return the notes of an export with their mentions, and the concepts of its codes."""
    terms: dict[tuple[str, str], Term] = {}
    for kind, member in _CODED.items():
        for resource in resources(folder, kind):
            for coding in (resource.get(member) or {}).get("coding", [])[:1]:
                key = (coding["system"], coding["code"])
                terms.setdefault(key, Term(*key, coding["display"]))
    finder = TermFinder(terms.values())
    documents = []
    for resource in resources(folder, "DocumentReference"):
        data = resource["content"][0]["attachment"].get("data")
        if data:
            text = base64.b64decode(data).decode()
            documents.append(Document(resource["id"], text, entities=finder.find(text)))
    return documents, list(terms.values())


def judged(path: Path, documents: Sequence[Document]) -> list[JudgedQuery]:
    """Return the queries of a file, each with the notes that quote one of its displays."""
    texts = {document.id: " ".join(document.text.lower().split()) for document in documents}
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        query, _, names = line.partition("\t")
        right = [
            identity
            for identity, text in texts.items()
            if any(name in text for name in names.lower().split("|"))
        ]
        found.append(JudgedQuery(query, dict.fromkeys(right, 1.0)))
    return found


def coded(terms: Sequence[Term], documents: Sequence[Document]) -> list[JudgedQuery]:
    """Return the displays of codes as queries: words of the notes, which search by words finds best."""
    texts = {document.id: " ".join(document.text.lower().split()) for document in documents}
    names = sorted({plain(term.display).lower() for term in terms})
    return [
        JudgedQuery(name, {identity: 1.0 for identity, text in texts.items() if name in text})
        for name in names
    ]


def ways(
    documents: Sequence[Document], network: MiniLM, folder: Path
) -> dict[str, Callable[[str], list[str]]]:
    """Return the ways to search, by name: each takes a query and returns ids."""
    index = SearchIndex(folder, network)
    index.put(documents, lambda done: print(f"\r{done} sections embedded", end="", file=sys.stderr))
    bare = SearchIndex(folder, network)
    bare.put([replace(document, entities=()) for document in documents])
    lexical, vectors, kept = Lexical(), Vectors(WIDTH), VectorFile(folder, network, WIDTH)
    for ordinal, document in enumerate(documents):
        lexical.add(ordinal, document.title, document.text)
        vectors.add(ordinal, kept.encode(section_texts(document.title, document.text)))
    lexical.commit()
    every = np.ones(len(documents), bool)

    def words(query: str) -> list[str]:
        return [documents[ordinal].id for ordinal in lexical.scores(query, (), every)[0][:10]]

    def meaning(query: str) -> list[str]:
        near = vectors.scores(kept.queries([query])[0], len(documents))
        return [documents[ordinal].id for ordinal in np.argsort(-near, kind="stable")[:10]]

    def both(query: str) -> list[str]:
        return [document.id for document in bare.search(Query(query, Reader())).documents[:10]]

    def everything(query: str) -> list[str]:
        return [document.id for document in index.search(Query(query, Reader())).documents[:10]]

    return {
        "words (BM25)": words,
        "meaning (MiniLM)": meaning,
        "without concepts": both,
        "with concepts": everything,
    }


class Timed:
    """An encoder for times: queries by the network, anything longer as random vectors."""

    def __init__(self, network: MiniLM) -> None:
        self.version = "timed"
        self._network, self._random = network, np.random.default_rng(0)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return embeddings, shape (texts, WIDTH)."""
        if max(map(len, texts)) < 100:
            return self._network.encode(texts)
        made = self._random.normal(size=(len(texts), WIDTH)).astype(np.float32)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def speed(
    documents: Sequence[Document], network: MiniLM, folder: Path, large: int, queries: Sequence[str]
) -> None:
    """Print how long a search takes among so many notes."""
    index = SearchIndex(folder, Timed(network))
    many = []
    for number in range(large):
        one = documents[number % len(documents)]
        text = f"{one.text}\n\n# Number\n{'Seen and discharged as planned. ' * 5} {number}"
        many.append(Document(f"{number}-{one.id}", text, entities=one.entities))
    begin = time.perf_counter()
    for start in range(0, large, 1000):
        index.put(many[start : start + 1000], lambda done: None)
    print(f"{large} notes put in {time.perf_counter() - begin:.1f} s without embedding")
    taken, computed = [], []
    for query in queries:
        begin, used = time.perf_counter(), time.process_time()
        index.search(Query(query, Reader()))
        taken.append(1000 * (time.perf_counter() - begin))
        computed.append(1000 * (time.process_time() - used))
    for name, times in (("search", taken), ("CPU of it", computed)):
        p50, p99 = np.percentile(times, [50, 99])
        print(f"{name}: p50 {p50:.0f} ms (target {TARGET_P50}), p99 {p99:.0f} ms (target {TARGET_P99})")


def shown(name: str, quality: Quality) -> str:
    """Return a line of the table."""
    figures = f"P@min(10,R) {quality.precision:.3f}  nDCG@10 {quality.ndcg:.3f}"
    return f"{name:20} {figures}  ({quality.queries} queries)"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    usual = Path(os.environ.get("BRUME_DATA") or HERE.parents[1] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=usual / "records" / "fhir-10-patients")
    parser.add_argument("--large", type=int, default=0, help="notes to measure times among [not measured]")
    parser.add_argument("--keep", type=Path, help="folder that keeps the embeddings")
    options = parser.parse_args()
    documents, terms = read(options.data)
    print(f"{len(documents)} notes, {len(terms)} concepts; targets {TARGET_PRECISION} and {TARGET_NDCG}")
    network = MiniLM.load()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        searches = ways(documents, network, folder)
        names = ("", "_held", "_second", "_third")
        files = [f"lay_queries{name}.tsv" for name in names]
        asked = {name: judged(HERE / name, documents) for name in files}
        for name, queries in {**asked, "displays of codes": coded(terms, documents)}.items():
            print(f"\n{name}")
            for way, search in searches.items():
                print(shown(way, judge(queries, search)))
        if options.large:
            texts = [query.text for query in judged(HERE / "lay_queries.tsv", documents)]
            speed(documents, network, folder, options.large, texts)


if __name__ == "__main__":
    main()
