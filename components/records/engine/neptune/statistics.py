"""Statistics and summary of the graph, and those of a property graph, which is empty here."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update

from brume.aws.engine.sandbox import LostError, Sandbox
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.neptune.errors import NeptuneError, answered
from brume.records.engine.neptune.generations import Generations
from brume.records.engine.neptune.settings import GraphSettings
from brume.records.engine.neptune.tables import VALUES
from brume.records.engine.neptune.visible import visible_graphs

_MODES = ("disableAutoCompute", "enableAutoCompute", "refresh")
_DETAILS = ("subjectStructures", "nodeStructures", "edgeStructures")
_NOTE = "of the graph as it is: they are counted when they are asked for"
_EMPTY: dict[str, Any] = {
    "graphSummary": {
        "numNodes": 0,
        "numEdges": 0,
        "numNodeLabels": 0,
        "numEdgeLabels": 0,
        "nodeLabels": [],
        "edgeLabels": [],
        "numNodeProperties": 0,
        "numEdgeProperties": 0,
        "nodeProperties": [],
        "edgeProperties": [],
        "totalNodePropertyValues": 0,
        "totalEdgePropertyValues": 0,
        "nodeStructures": [],
        "edgeStructures": [],
    },
    "signatureInfo": {"signatureCount": 0, "instanceCount": 0, "predicateCount": 0},
}


class Statistics:
    """What is counted of one graph: of RDF, or of the empty property graph."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, f"statistics-{name}"

    def count(self, call: Call) -> tuple[int, dict[str, Any]]:
        """Return the id of what was counted of what a request may see, and its members."""
        return 1, _EMPTY

    def describe(self, call: Call) -> dict[str, Any]:
        """Return the payload of Get...Statistics; `statisticsId` is a number."""
        kept = self._kept()
        if not kept["active"]:
            return {"autoCompute": kept["auto"], "active": False, "statisticsId": -1, "note": _NOTE}
        identity, found = self.count(call)
        return {
            "autoCompute": kept["auto"],
            "active": True,
            "statisticsId": identity,
            "date": datetime.now(UTC),
            "note": _NOTE,
            "signatureInfo": found["signatureInfo"],
        }

    def manage(self, mode: str | None, call: Call) -> dict[str, Any]:
        """Switch automatic counting, or count now; returns the output of Manage...Statistics."""
        if mode not in _MODES:
            raise NeptuneError("InvalidParameterException", f"mode is one of {', '.join(_MODES)}")
        if mode == "disableAutoCompute":
            self._keep(auto=False)
        elif mode == "enableAutoCompute":
            self._keep(auto=True, active=True)
        else:
            identity, _ = self.count(call)
            self._keep(active=True)
            return {"status": "200 OK", "payload": {"statisticsId": identity}}
        return {"status": "200 OK"}

    def delete(self) -> dict[str, Any]:
        """Forget the statistics until they are counted again; returns the output of Delete...Statistics."""
        self._keep(active=False, auto=False)
        return {"status": "200 OK", "payload": {"active": False, "statisticsId": -1}}

    def summary(self, mode: str | None, call: Call) -> dict[str, Any]:
        """Return the payload of the summary; `mode` is basic (the default) or detailed."""
        if mode not in (None, "", "basic", "detailed"):
            raise NeptuneError("InvalidParameterException", "mode is basic or detailed")
        if not self._kept()["active"]:
            raise NeptuneError(
                "StatisticsNotAvailableException", "statistics were deleted: refresh or enable them first"
            )
        _, found = self.count(call)
        members = dict(found["graphSummary"])
        if mode != "detailed":
            members = {name: value for name, value in members.items() if name not in _DETAILS}
        now = datetime.now(UTC)
        return {"version": "v1", "lastStatisticsComputationTime": now, "graphSummary": members}

    def _kept(self) -> dict[str, bool]:
        with self._store.read() as db:
            found = db.execute(select(VALUES.c.value).filter_by(name=self._name)).scalar()
        return {"auto": True, "active": True} | (found or {})

    def _keep(self, **values: bool) -> None:
        with self._store.write() as db:
            found = db.execute(select(VALUES.c.value).filter_by(name=self._name)).scalar()
            if found is None:
                db.execute(insert(VALUES).values(name=self._name, value=values))
            else:
                db.execute(update(VALUES).filter_by(name=self._name).values(value={**found, **values}))


class RdfStatistics(Statistics):
    """What is counted of the graph: once of each generation, by a process of the sandbox."""

    def __init__(
        self,
        store: Store,
        sandbox: Sandbox,
        generations: Generations,
        limits: GraphSettings,
        scopes: Scopes,
    ) -> None:
        super().__init__(store, "rdf")
        self._scopes = scopes
        self._sandbox, self._generations, self._limits = sandbox, generations, limits
        self._lock = threading.Lock()
        self._counted: tuple[int, dict[str, Any]] | None = None

    def count(self, call: Call) -> tuple[int, dict[str, Any]]:
        """Return the number of the generation that was counted, and its members."""
        graphs = visible_graphs(self._scopes.of(call))
        if graphs is not None:
            return self._generations.newest, self._count(graphs)
        with self._lock:
            number = self._generations.newest
            if self._counted is None or self._counted[0] != number:
                self._counted = (number, self._count(None))
            return self._counted

    def _count(self, graphs: list[str] | None) -> dict[str, Any]:
        with self._generations.reading() as generation:
            job: dict[str, Any] = {"job": "summary", "generation": str(generation), "graphs": graphs}
            job |= {"memory": self._limits.sparql_memory}
            try:
                answer = self._sandbox.start(job).answer(self._limits.sparql_seconds)
            except LostError:
                answer = {"failed": ""}
        if "failed" in answer:
            raise NeptuneError(
                "StatisticsNotAvailableException",
                "the graph cannot be counted with the time and memory of one query: set BRUME_SPARQL_SECONDS "
                "and BRUME_SPARQL_MEMORY",
            )
        return answer


class SparqlStatistics:
    """The operations on statistics of RDF."""

    def __init__(self, statistics: Statistics) -> None:
        self.statistics = statistics

    @answered
    def get_sparql_statistics(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return the statistics."""
        return {"status": "200 OK", "payload": _modelled(self.statistics.describe(call))}

    @answered
    def manage_sparql_statistics(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Switch automatic counting, or count now."""
        return _modelled_output(self.statistics.manage(request.get("mode"), call))

    @answered
    def delete_sparql_statistics(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Forget the statistics."""
        return {"statusCode": 200, **_modelled_output(self.statistics.delete())}

    @answered
    def get_rdf_graph_summary(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return the summary."""
        return {"statusCode": 200, "payload": self.statistics.summary(request.get("mode"), call)}


class PropertyGraphStatistics:
    """The operations on statistics of the property graph, which is empty; notebooks ask for both."""

    def __init__(self, statistics: Statistics) -> None:
        self.statistics = statistics

    @answered
    def get_propertygraph_statistics(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return the statistics of nothing."""
        return {"status": "200 OK", "payload": _modelled(self.statistics.describe(call))}

    @answered
    def manage_propertygraph_statistics(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Switch automatic counting, or count now."""
        return _modelled_output(self.statistics.manage(request.get("mode"), call))

    @answered
    def delete_propertygraph_statistics(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Forget the statistics."""
        return {"statusCode": 200, **_modelled_output(self.statistics.delete())}

    @answered
    def get_propertygraph_summary(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return the summary of nothing."""
        return {"statusCode": 200, "payload": self.statistics.summary(request.get("mode"), call)}


def _modelled(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a payload as the model has it: there the id is text."""
    return {**payload, "statisticsId": str(payload["statisticsId"])}


def _modelled_output(output: dict[str, Any]) -> dict[str, Any]:
    return output if "payload" not in output else {**output, "payload": _modelled(output["payload"])}
