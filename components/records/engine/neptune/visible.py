"""Which graphs a request may see: those of its scope's patients, and the codes that all share.

Graphs that loads name otherwise and what is known of no patient are for keys that see everything. The
derived counts, which leave out what few patients have, are for keys that see all patients. De-identified
scopes see no patient's graph: it names persons and dates throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brume.records.engine.access.scopes import Scope
from brume.records.engine.neptune.errors import NeptuneError
from brume.records.model.graph import syntax
from brume.records.model.graph.vocabulary import CONCEPTS, DERIVED, graph_of


def visible_graphs(scope: Scope) -> list[str] | None:
    """Return the addresses of the graphs that a scope sees, None for all there are."""
    if scope.sees_all:
        return None
    if scope.patients is None:
        return [CONCEPTS.value, DERIVED.value]
    patients = () if scope.deidentified else sorted(scope.patients)
    return [CONCEPTS.value, *(graph_of(patient).value for patient in patients if patient)]


def require_change(scope: Scope) -> None:
    """Raise `NeptuneError` where a scope may not change the graph."""
    if not scope.changes:
        raise NeptuneError(
            "AccessDeniedException",
            f"The access key of this request has the role {scope.role}, which may not change the graph: in "
            "the server's file of rights (BRUME_RECORDS_ACCESS) the role full may",
        )


def visible_dataset(
    scope: Scope, read: syntax.Request, default_graphs: Sequence[str], named_graphs: Sequence[str]
) -> dict[str, Any]:
    """Return the dataset of a request as a job has it: what was asked for, as far as the scope sees it.

    `limited` says that nothing beside these graphs is seen. Raises `NeptuneError` for an update by a key
    that may change nothing, and for a query that names its own graphs where not all may be seen.
    """
    if read.form == syntax.Form.UPDATE:
        require_change(scope)
    visible = visible_graphs(scope)
    if visible is None:
        return {"limited": False, "default_graphs": list(default_graphs), "named_graphs": list(named_graphs)}
    if read.own_dataset:
        raise NeptuneError(
            "AccessDeniedException",
            "FROM is not done for an access key that sees some of the graphs: without it a query is over all "
            "that the key sees; name graphs by default-graph-uri and named-graph-uri",
        )
    if not default_graphs and not named_graphs:
        default_graphs = named_graphs = visible
    return {
        "limited": True,
        "default_graphs": [graph for graph in default_graphs if graph in visible],
        "named_graphs": [graph for graph in named_graphs if graph in visible],
    }
