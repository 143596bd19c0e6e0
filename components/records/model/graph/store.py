"""The store of a graph on the disk: immutable generations, of which each change makes the next.

A change works on a copy of the newest generation, whose large files are hard links, and what it leaves is
published when it is whole: a change that is killed leaves nothing, readers see one state for as long as they
read, and nobody waits for a lock of the store. A generation is a folder that pyoxigraph (RocksDB) opens.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from pyoxigraph import DefaultGraph, NamedNode, Quad, Store

from brume.records.model.graph import fallback, prologues, syntax

# Neptune's: a request may use them without declaring them.
PREFIXES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_LINKED = ".sst"  # RocksDB never changes such a file after it has written it
_LEFT = ("LOCK", "LOG")  # the lock of a process, and its log
_MANY_FILES = 400  # more than this are merged: each is opened by each query


def create(folder: Path) -> None:
    """Make an empty generation."""
    store = Store(str(folder))
    store.flush()


def copy(generation: Path, target: Path) -> None:
    """Make a copy of a generation that nobody writes to; `target` must be on the same file system."""
    target.mkdir(parents=True)
    for file in generation.iterdir():
        if file.name.startswith(_LEFT):
            continue
        if file.suffix == _LINKED:
            os.link(file, target / file.name)
        else:
            shutil.copyfile(file, target / file.name)


def open_to_read(generation: Path) -> Store:
    """Open a generation. Raises `OSError` for a folder that holds none."""
    return Store.read_only(str(generation))


def add(folder: Path, quads: Iterable[Quad]) -> int:
    """Add many quads to an unpublished copy; returns how many were new.

    The memory it takes does not grow with their number. What `quads` raises is raised.
    """
    store = Store(str(folder))
    before = len(store)
    store.bulk_extend(quads)
    _finish(store, folder)
    return len(store) - before


def update(folder: Path, text: str) -> None:
    """Run a SPARQL update, which `syntax.read` has checked, on an unpublished copy.

    Triples without a graph are those of `fallback.DEFAULT`. Raises `SyntaxError` for what is none, with the
    place in `text`, `syntax.MalformedError`, `OSError`, and `RuntimeError` for one that fails.
    """
    store = Store(str(folder))
    explicit = prologues.parts(fallback.explicit(text))
    for part, given in zip(explicit, prologues.parts(text), strict=True):
        try:
            store.update(part, prefixes=PREFIXES)
        except SyntaxError:
            Store().update(given, prefixes=PREFIXES)  # it raises with the place as the text came
            raise
    if next(store.quads_for_pattern(None, None, None, DefaultGraph()), None) is not None:
        raise syntax.MalformedError("write the words of an update apart, so that they are known")
    _finish(store, folder)


def put(folder: Path, graph: str, quads: Iterable[Quad] = (), *, replace: bool = True) -> bool:
    """Put quads into an unpublished copy; returns whether `graph` was there before.

    Those without a graph go to `graph`. With `replace` that graph, and each that the quads name, holds
    nothing else afterwards. Raises `ValueError` for an address that is none; what `quads` raises is raised.
    """
    store = Store(str(folder))
    named = NamedNode(graph)
    placed = [
        quad
        if not isinstance(quad.graph_name, DefaultGraph)
        else Quad(quad.subject, quad.predicate, quad.object, named)
        for quad in quads
    ]
    existed = holds(store, graph)
    for one in {named, *(quad.graph_name for quad in placed)} if replace else ():
        store.remove_graph(one)
    store.bulk_extend(placed)
    _finish(store, folder)
    return existed


def holds(store: Store, graph: str) -> bool:
    """Return whether a graph has triples: one that has none is none, as in Neptune."""
    return next(store.quads_for_pattern(None, None, None, NamedNode(graph)), None) is not None


def _finish(store: Store, folder: Path) -> None:
    if sum(1 for _ in folder.iterdir()) > _MANY_FILES:
        store.optimize()
    store.flush()
