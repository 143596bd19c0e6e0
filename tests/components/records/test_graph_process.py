"""The process of a query: it has no network, no environment, and what it sends is whole or an error."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from brume.aws.engine.sandbox import Job, LateError, LostError, Sandbox
from brume.records.engine.neptune import query_process
from brume.records.engine.neptune.generations import Generations
from brume.records.engine.neptune.readers import Readers
from brume.records.model.graph import isolation, store
from tests.polling import SECONDS

ROWS = 400
PRODUCT = "SELECT * { ?s ?p ?o . ?a ?b ?c }"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(query_process.__name__)
    yield made
    made.close()


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graph") / "1"
    store.create(folder)
    subject, predicate = NamedNode("http://e/s"), NamedNode("http://e/p")
    added = store.add(folder, (Quad(subject, predicate, Literal(str(number))) for number in range(ROWS)))
    assert added == ROWS
    return folder


def job(generation: Path, text: str, **more: Any) -> dict[str, Any]:
    request = {"job": "query", "text": text, "format": "csv", "own_dataset": False, "memory": 1 << 30}
    return {
        **request,
        "limited": False,
        "default_graphs": [],
        "named_graphs": [],
        "generation": str(generation),
        **more,
    }


def test_a_result_comes_in_parts_that_are_whole(sandbox: Sandbox, generation: Path) -> None:
    answer, parts = sandbox.start(job(generation, PRODUCT)).stream(SECONDS)
    assert answer == {}
    assert b"".join(parts).count(b"\r\n") == ROWS * ROWS + 1


def test_a_graph_that_is_not_there_is_not_looked_up_and_not_named(sandbox: Sandbox, generation: Path) -> None:
    named = {"limited": True, "default_graphs": ["http://e/absent"], "named_graphs": ["http://e/absent"]}
    for text in ("SELECT ?g { GRAPH ?g {} }", "SELECT ?s { ?s ?p ?o }"):
        _, parts = sandbox.start(job(generation, text, **named)).stream(SECONDS)
        assert b"".join(parts).count(b"\r\n") == 1


def test_a_process_that_ends_amid_its_result_is_no_end_of_it(sandbox: Sandbox, generation: Path) -> None:
    running = sandbox.start(job(generation, PRODUCT))
    _, parts = running.stream(SECONDS)
    assert next(parts)
    running.kill()
    with pytest.raises(LostError):
        b"".join(parts)


def test_a_job_that_takes_too_long_is_ended(sandbox: Sandbox, generation: Path) -> None:
    counting = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o . ?a ?b ?c . ?d ?e ?f }"
    with pytest.raises(LateError):
        sandbox.start(job(generation, counting)).stream(0.3)


@pytest.mark.skipif(not isolation.available(), reason="this system cannot take the network from a process")
def test_what_the_check_of_the_text_would_have_missed_reaches_nothing(
    sandbox: Sandbox, generation: Path
) -> None:
    asking = "SELECT * { SERVICE <http://127.0.0.1:8000/> {} }"
    answer, _ = sandbox.start(job(generation, asking)).stream(SECONDS)
    assert "PermissionError" in str(answer)


def test_the_process_that_forks_is_started_again_when_it_was_killed(generation: Path) -> None:
    own = Sandbox(query_process.__name__)
    try:
        assert own._process is not None
        os.kill(own._process.pid, signal.SIGKILL)
        own._process.wait()
        _, parts = own.start(job(generation, "ASK {}", format="json")).stream(SECONDS)
        assert b"true" in b"".join(parts)
    finally:
        own.close()


def test_a_process_waits_for_its_own_key_and_generation_alone(sandbox: Sandbox, generation: Path) -> None:
    readers = Readers(sandbox, 2)
    request = job(generation, "ASK {}", format="json", memory=0)

    def asked(key: str, place: Path) -> Job:
        found = readers.begin("1", key, place, request)
        _, parts = found.stream(SECONDS, keep=True)
        assert b"true" in b"".join(parts)
        readers.keep("1", key, place, found)
        return found

    try:
        first, other = asked("a", generation), asked("b", generation)
        assert first is not other
        assert asked("a", generation) is first
        assert asked("c", generation) is not first  # the third: the one that waited longest ends
        assert asked("b", generation) is not other
        newer = generation.with_name("2")
        store.copy(generation, newer)
        readers.publish(newer)
        assert not readers._waiting
        asked("b", generation)  # a query that began before: its process waits for none of that generation
        assert not readers._waiting
        kept = asked("b", newer)
        kept.kill()
        assert kept._socket.recv(1) == b""  # it has ended
        assert asked("b", newer) is not kept
    finally:
        readers.close()
    asked("b", newer)  # a query that ends while the engine does
    assert not readers._waiting


def test_a_change_that_was_not_published_leaves_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    generations = Generations(tmp_path / "graph", sandbox)
    newest = generations.newest
    with pytest.raises(ZeroDivisionError), generations.changing() as change:
        store.copy(change.generation, change.folder)
        store.update(change.folder, "INSERT DATA { <a:a> <a:b> 1 }")
        change.publish()
        raise ZeroDivisionError
    assert generations.newest == newest
    assert [path.name for path in (tmp_path / "graph").iterdir() if path.is_dir()] == [f"{newest:08d}"]


def test_a_reader_keeps_its_generation_until_it_has_read(sandbox: Sandbox, tmp_path: Path) -> None:
    generations = Generations(tmp_path / "graph", sandbox)
    with generations.reading() as old:
        for value in range(3):
            with generations.changing() as change:
                store.copy(change.generation, change.folder)
                store.update(change.folder, f"INSERT DATA {{ <a:a> <a:b> {value} }}")
                change.publish()
        assert len(store.open_to_read(old)) == 0
        with generations.reading() as new:
            assert len(store.open_to_read(new)) == 3
    assert not old.exists()
    again = Generations(tmp_path / "graph", sandbox)
    assert again.newest == generations.newest


def test_many_small_changes_leave_few_files(tmp_path: Path) -> None:
    store.create(tmp_path / "0")
    for number in range(20):
        store.copy(tmp_path / str(number), tmp_path / str(number + 1))
        store.update(tmp_path / str(number + 1), f"INSERT DATA {{ <a:a> <a:b> {number} }}")
    assert len(store.open_to_read(tmp_path / "20")) == 20
    assert sum(1 for _ in (tmp_path / "20").iterdir()) < 150
