"""How fast the graph of records loads, answers and lets go, beside the store alone.

Usage: ``python -m bench.records_graph [--quads 1000000]``.

Patients, notes and mentions are invented, of the shape that the pipeline writes. Columns:

- load: quads a CPU second, from compressed N-Quads to a store on the disk, with the checks of every line and
  the names of blank nodes (loader), and by pyoxigraph's own bulk_load of the same file (store alone);
- document: seconds from a request over HTTP to the graph of one document, which the AWS sample asks for
  (engine), and of the same query in a process that has the store open (store); then the CPU seconds of both:
  of the engine with the client of this bench and all processes of queries;
- cancel: seconds from the request that cancels a query that would run for hours to that query's answer;
- update: seconds of an update of one quad, which makes a generation of the graph.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests
from pyoxigraph import RdfFormat, Store

from brume.aws.engine.catalog import Settings
from brume.records.engine import engine
from brume.records.model.entity import CodeSystem, Concept, Entity
from brume.records.model.graph import store as stores
from brume.records.model.graph.files import PatientRecord, write
from brume.records.model.graph.rdf_files import Reading, Source, read
from brume.records.model.graph.vocabulary import aws_file, aws_token
from brume.records.model.note import Note
from tests.aws.serving import serve_engine

NOTES, MENTIONS = 20, 25  # of a patient, of a note
QUADS_OF_NOTE = 400  # about
ASKED = 300  # requests for documents
LONG = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?a"
DOCUMENT = """PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> PREFIX rel: <http://example.org/relationship/>
SELECT DISTINCT ?doc_id ?ent_name ?ent_type { ?doc_id rdfs:label "NAME"@en-US .
  ?ent_id rel:found-in ?doc_id ; rel:has-text ?text_id ; rdf:type ?ent_type .
  ?text_id rdfs:label ?ent_name }"""


def records(quads: int) -> Iterator[PatientRecord]:
    """Yield invented patients with about so many quads."""
    chance = random.Random(7)  # noqa: S311
    for number in range(max(1, quads // (NOTES * QUADS_OF_NOTE))):
        patient = f"patient-{number:05d}"
        yield PatientRecord(patient, [note(patient, place, chance) for place in range(NOTES)])


def note(patient: str, place: int, chance: random.Random) -> tuple[Note, list[Entity]]:
    """Return a note and its mentions."""
    made = Note(f"DocumentReference/{patient}-{place}/0", patient, "", title="Visit", date="2024-05-01")
    found = []
    for begin in range(0, MENTIONS * 30, 30):
        code = f"{chance.choice('ABCDEFGHIJKLMN')}{chance.randrange(100):02d}.{chance.randrange(10)}"
        concept = Concept(CodeSystem.ICD10CM, code, f"Condition {code}")
        text = f"condition {code}"
        found.append(
            Entity(begin, begin + len(text), text, "MEDICAL_CONDITION", "DX_NAME", 0.9, concepts=(concept,))
        )
    return made, found


def used() -> float:
    """Return the CPU seconds of this process until now."""
    found = resource.getrusage(resource.RUSAGE_SELF)
    return found.ru_utime + found.ru_stime


def used_by_children() -> float:
    """Return the CPU seconds until now of the processes below this one, with those of them that ended."""
    parents: dict[int, tuple[int, float]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(file.parent.name)] = (
            int(fields[1]),
            sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"),
        )
    mine, seconds = {os.getpid()}, 0.0
    while new := {one for one, (parent, _) in parents.items() if parent in mine} - mine:
        mine |= new
        seconds += sum(parents[one][1] for one in new)
    return seconds


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that a piece of work takes."""
    before = used()
    work()
    return used() - before


def loads(folder: Path, file: Path, quads: int) -> None:
    """Print how fast a file loads."""
    ours = cpu(lambda: stores.add(folder / "loader", read(Source(file, "nquads", file.name), Reading())))

    def alone() -> None:
        with gzip.open(file) as stream:
            Store(str(folder / "alone")).bulk_load(stream, RdfFormat.N_QUADS)

    print(f"load, quads a CPU second: loader {quads / ours:,.0f}, store alone {quads / cpu(alone):,.0f}")


def timed(work: Callable[[str], None], query: str) -> float:
    """Return the seconds that a query takes."""
    began = time.perf_counter()
    work(query)
    return time.perf_counter() - began


def percentiles(seconds: list[float]) -> str:
    """Return the median and the 99th percentile in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms"


def documents(url: str, generation: Path, names: list[str]) -> None:
    """Print how fast the graph of a document comes."""
    opened = stores.open_to_read(generation)
    queries = [DOCUMENT.replace("NAME", name) for name in names]
    with requests.Session() as session:

        def ask(query: str) -> None:
            answer = session.post(f"{url}/sparql", data={"query": query}, timeout=60)
            assert answer.json()["results"]["bindings"]

        before = used() + used_by_children()
        engines = [timed(ask, query) for query in queries]
        engine = used() + used_by_children() - before

    def look(query: str) -> None:
        assert list(opened.query(query, use_default_graph_as_union=True))  # type: ignore[arg-type]

    before = used()
    alone = [timed(look, query) for query in queries]
    store = used() - before
    print(f"document: engine {percentiles(engines)}; store {percentiles(alone)}")
    each = 1000 / len(names)
    print(f"document, CPU of one: engine {engine * each:.1f} ms, store {store * each:.1f} ms")


def cancels(url: str, times: int = 10) -> None:
    """Print how soon a query is cancelled."""
    seconds = []
    for _ in range(times):
        ended = threading.Event()

        def run(done: threading.Event = ended) -> None:
            requests.post(f"{url}/sparql", data={"query": LONG}, timeout=300)
            done.set()

        threading.Thread(target=run).start()
        queries = []
        while not queries or not queries[0]["queryEvalStats"]["elapsed"]:
            queries = requests.get(f"{url}/sparql/status", timeout=60).json()["queries"]
        time.sleep(0.5)
        began = time.perf_counter()
        data = {"cancelQuery": "true", "queryId": queries[0]["queryId"]}
        requests.post(f"{url}/sparql/status", data=data, timeout=60)
        ended.wait(60)
        seconds.append(time.perf_counter() - began)
    print(f"cancel: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s")


def updates(url: str, times: int = 20) -> None:
    """Print how long an update takes."""
    seconds = []
    for number in range(times):
        began = time.perf_counter()
        update = f"INSERT DATA {{ <urn:bench> <urn:bench:p> {number} }}"
        requests.post(f"{url}/sparql", data={"update": update}, timeout=60)
        seconds.append(time.perf_counter() - began)
    print(f"update: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quads", type=int, default=1_000_000)
    wanted = parser.parse_args().quads
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bucket = folder / "bucket"
        written = write(bucket, records(wanted), part=10 * wanted)
        print(f"{written.quads:,} quads of {written.patients:,} patients")
        (file, *_) = sorted(bucket.glob("part-*.gz"))
        loads(folder, file, written.quads)
        names = [aws_token(aws_file(one)) for record in records(wanted) for one, _ in record.notes]
        with serve_engine(
            engine.create(Settings(folder / "data", {"s3://bucket/": str(bucket)})), keys=None
        ) as url:
            request = {"source": f"s3://bucket/{file.name}", "format": "nquads"}
            started = requests.post(f"{url}/loader", json=request, timeout=60).json()
            status = f"{url}/loader?loadId={started['payload']['loadId']}"
            while "LOAD_COMPLETED" not in requests.get(status, timeout=60).text:
                time.sleep(1)
            (generation,) = (path for path in (folder / "data" / "graph").iterdir() if path.is_dir())
            documents(url, generation, random.Random(1).choices(names, k=ASKED))  # noqa: S311
            cancels(url)
            updates(url)


if __name__ == "__main__":
    main()
