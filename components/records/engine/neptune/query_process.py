"""The work of a process of the graph: queries, or one update, load or count, without network.

The process that forks those of the jobs leaves the network before it forks: they have none from their start.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import resource
import shutil
import textwrap
import time
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from brume.aws.engine.sandbox_process import Output
from brume.records.model.graph import isolation, store, syntax
from brume.records.model.graph.rdf_files import FORMATS, Reading, Source, StoppedError, read
from brume.records.model.graph.summary import summarise

_HEAD = 64 << 10  # bytes of a result that are kept until it is known that it begins well
_RUNTIME = 256 << 20  # bytes of memory of Python and the store themselves
NO_GRAPH = "ResourceNotFoundException"
_RESULTS = {
    "json": ox.QueryResultsFormat.JSON,
    "xml": ox.QueryResultsFormat.XML,
    "csv": ox.QueryResultsFormat.CSV,
    "tsv": ox.QueryResultsFormat.TSV,
}


def warm_up() -> None:
    """Load the store's library, and leave the network. Raises `OSError` where that is refused."""
    isolation.leave_network()


def stream(request: dict[str, Any], output: Output) -> dict[str, Any]:
    """Do the job that a request describes; returns the answer, with `failed` ([code, message]) on errors."""
    if memory := request.get("memory"):
        with contextlib.suppress(ValueError, OSError):  # not every system has it
            resource.setrlimit(resource.RLIMIT_DATA, (memory + _RUNTIME, memory + _RUNTIME))
    try:
        return _JOBS[request["job"]](request, output)
    except (SyntaxError, syntax.MalformedError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else error
        return {"failed": ["MalformedQueryException", f"Malformed query: {_short(str(reason))}"]}
    except MemoryError:
        return {"failed": ["MemoryLimitExceededException", "it needs more memory than one may have"]}
    except RuntimeError as error:
        return {"failed": ["BadRequestException", _short(str(error))]}


def _short(text: str) -> str:
    """Return a parser's message in one line: what it would have taken instead can fill a page."""
    return textwrap.shorten(text, 200, placeholder=" ...")


@functools.lru_cache(maxsize=1)
def _opened(generation: str) -> ox.Store:
    """Return the store of a generation, which stays open: this process may get more queries over it."""
    return store.open_to_read(Path(generation))


def _query(request: dict[str, Any], output: Output) -> dict[str, Any]:
    found = _found(_opened(request["generation"]), request)
    begun = _Result(output, {})
    _serialize(found, request["format"], begun)
    begun.end()
    return {}


def _graph(request: dict[str, Any], output: Output) -> dict[str, Any]:
    """Answer with a graph, or with an error where it has no triples."""
    if not store.holds(_opened(request["generation"]), request["graph"]):
        return {"failed": list(absent(request["graph"]))}
    return _query(request, output)


def absent(graph: str) -> tuple[str, str]:
    """Return code and message of the error of a graph that is not there."""
    return NO_GRAPH, f"There is no graph {graph}"


def _put(request: dict[str, Any], _output: Output) -> dict[str, Any]:
    """Put what a request sent into a copy; without a format it sent nothing, and the graph goes."""
    folder, graph = Path(request["folder"]), request["graph"]
    store.copy(Path(request["generation"]), folder)
    if not request["format"]:
        existed = store.put(folder, graph)
        return {"existed": True} if existed else {"failed": list(absent(graph))}
    try:
        quads = ox.parse(
            base64.b64decode(request["data"]),
            FORMATS[request["format"]],
            base_iri=graph,
            rename_blank_nodes=True,  # those of other requests are others
        )
        return {"existed": store.put(folder, graph, quads, replace=request["replace"])}
    except SyntaxError as error:
        place = f"line {error.lineno}, column {error.offset}: " if error.lineno else ""
        return {"failed": ["BadRequestException", f"Malformed body: {place}{_short(str(error.msg))}"]}


def _empty(request: dict[str, Any], output: Output) -> dict[str, Any]:
    """Answer with the result that a query has over nothing."""
    begun = _Result(output, {})
    _serialize(_found(ox.Store(), request), request["format"], begun)
    begun.end()
    return {}


def _explain(request: dict[str, Any], _output: Output) -> dict[str, Any]:
    began = time.perf_counter()
    dynamic = request["mode"] != "static"
    opened = store.open_to_read(Path(request["generation"])) if dynamic else ox.Store()
    found = _found(opened, request)
    variables = [name.value for name in found.variables] if isinstance(found, ox.QuerySolutions) else []
    rows = 1 if isinstance(found, ox.QueryBoolean) else sum(1 for _ in found) if dynamic else 0
    return {"variables": variables, "rows": rows, "milliseconds": (time.perf_counter() - began) * 1000}


def _found(opened: ox.Store, request: dict[str, Any]) -> Any:
    dataset: dict[str, Any] = {}
    if request["limited"] or request["default_graphs"] or request["named_graphs"]:
        dataset["default_graph"] = _there(opened, request["default_graphs"])
        dataset["named_graphs"] = _there(opened, request["named_graphs"])
    else:  # as in Neptune, the default graph is the union of all; not where the query names its own
        dataset["use_default_graph_as_union"] = not request["own_dataset"]
    return opened.query(request["text"], prefixes=store.PREFIXES, **dataset)


def _there(opened: ox.Store, graphs: list[str]) -> list[ox.NamedNode]:
    """Return those graphs that the store has: it looks up each pattern of a query in each of them."""
    return [one for one in map(ox.NamedNode, graphs) if opened.contains_named_graph(one)]


def _serialize(found: Any, name: str, output: Any) -> None:
    kinds: Any = FORMATS if isinstance(found, ox.QueryTriples) else _RESULTS
    found.serialize(output, kinds[name])


class _Result:
    """Keeps the first bytes of a result, so that what fails at its start is answered as an error."""

    def __init__(self, output: Output, answer: dict[str, Any]) -> None:
        self._output, self._answer = output, answer
        self._head = b""

    def write(self, data: bytes) -> int:
        if self._output.begun:
            return self._output.write(data)
        self._head += data
        if len(self._head) >= _HEAD:
            self.end()
        return len(data)

    def flush(self) -> None:
        """Do nothing: `end` sends what is left."""

    def end(self) -> None:
        if not self._output.begun:
            self._output.begin(self._answer)
            self._output.write(self._head)


def _create(request: dict[str, Any], _output: Output) -> dict[str, Any]:
    store.create(Path(request["folder"]))
    return {}


def _update(request: dict[str, Any], _output: Output) -> dict[str, Any]:
    folder = Path(request["folder"])
    store.copy(Path(request["generation"]), folder)
    began = time.perf_counter()
    store.update(folder, request["text"])
    return {"milliseconds": (time.perf_counter() - began) * 1000}


def _copy(request: dict[str, Any], _output: Output) -> dict[str, Any]:
    store.copy(Path(request["generation"]), Path(request["folder"]))
    return {}


def _load(request: dict[str, Any], _output: Output) -> dict[str, Any]:
    """Add one file to a copy; of a file that cannot be read to its end nothing is added."""
    source = Source(**{**request["source"], "path": Path(request["source"]["path"])})
    reading = Reading()
    folder = Path(request["folder"])
    trial = folder.with_name(folder.name + ".file")
    shutil.rmtree(trial, ignore_errors=True)
    store.copy(folder, trial)
    try:
        new = store.add(trial, read(source, reading))
    except StoppedError:
        new = 0
    else:
        shutil.rmtree(folder)
        trial.rename(folder)
    errors = [[one.line, one.reason] for one in reading.errors[: request["errors"]]]
    return {"records": reading.records, "new": new, "wrong": reading.wrong, "errors": errors}


def _summary(request: dict[str, Any], _output: Output) -> dict[str, Any]:
    return summarise(store.open_to_read(Path(request["generation"])), request["graphs"])


_JOBS = {
    "query": _query,
    "graph": _graph,
    "put": _put,
    "empty": _empty,
    "explain": _explain,
    "create": _create,
    "copy": _copy,
    "update": _update,
    "load": _load,
    "summary": _summary,
}
