"""Neptune's data API, mounted: which class has which operation, and what is refused."""

from __future__ import annotations

from brume.aws.engine.resources import Service
from brume.aws.engine.sandbox import Sandbox
from brume.aws.engine.settings import read
from brume.records.engine.neptune import query_process, raw
from brume.records.engine.neptune.generations import Generations
from brume.records.engine.neptune.graph_store import GraphStore
from brume.records.engine.neptune.load_work import LoadWork
from brume.records.engine.neptune.loader import Loader
from brume.records.engine.neptune.queries import Queries
from brume.records.engine.neptune.settings import GraphSettings
from brume.records.engine.neptune.sparql import Sparql
from brume.records.engine.neptune.statistics import (
    PropertyGraphStatistics,
    RdfStatistics,
    SparqlStatistics,
    Statistics,
)
from brume.records.engine.neptune.system import System
from brume.records.engine.parts import Part, State

_RDF = "this engine holds RDF: ask /sparql"
SERVICE = Service(
    "neptunedata",
    (Loader, SparqlStatistics, PropertyGraphStatistics, System),
    refused={
        _RDF: (
            "CancelGremlinQuery",
            "CancelOpenCypherQuery",
            "ExecuteGremlinExplainQuery",
            "ExecuteGremlinProfileQuery",
            "ExecuteGremlinQuery",
            "ExecuteOpenCypherExplainQuery",
            "ExecuteOpenCypherQuery",
            "GetGremlinQueryStatus",
            "GetOpenCypherQueryStatus",
            "GetPropertygraphStream",
            "ListGremlinQueries",
            "ListOpenCypherQueries",
        ),
        "models of graphs are not trained here": (
            "CancelMLDataProcessingJob",
            "CancelMLModelTrainingJob",
            "CancelMLModelTransformJob",
            "CreateMLEndpoint",
            "DeleteMLEndpoint",
            "GetMLDataProcessingJob",
            "GetMLEndpoint",
            "GetMLModelTrainingJob",
            "GetMLModelTransformJob",
            "ListMLDataProcessingJobs",
            "ListMLEndpoints",
            "ListMLModelTrainingJobs",
            "ListMLModelTransformJobs",
            "StartMLDataProcessingJob",
            "StartMLModelTrainingJob",
            "StartMLModelTransformJob",
        ),
        "changes are not kept one by one: compare the graph before and after": ("GetSparqlStream",),
        "indexes are the store's own": (
            "CancelIndexRebuild",
            "GetIndexRebuildStatus",
            "GetStorageInfo",
            "ListIndexRebuilds",
            "StartIndexRebuild",
        ),
    },
)


def create(state: State) -> Part:
    """Return Neptune, its graph in the data folder, with the load jobs of an earlier engine going on."""
    limits = read(GraphSettings)
    sandbox = Sandbox(query_process.__name__)
    generations = Generations(state.data / "graph", sandbox)
    registry = state.registry
    queries = Queries(sandbox, generations, limits, registry)
    sparql = Sparql(queries, sandbox, limits, state.scopes, state.audit)
    graph_store = GraphStore(sparql, queries, state.scopes, state.audit)
    work = LoadWork(state.store, sandbox, generations, state.folders, state.data / "graph-scratch")
    loader = Loader(state.store, work, state.folders)
    system = System(state.store, generations, limits)
    rdf = RdfStatistics(state.store, sandbox, generations, limits, state.scopes)
    pg = Statistics(state.store, "pg")

    def close() -> None:
        sparql.close()
        work.close()
        sandbox.close()

    work.resume()
    return Part(
        SERVICE.mount(loader, SparqlStatistics(rdf), PropertyGraphStatistics(pg), system),
        [*sparql.routes(), *graph_store.routes(), *raw.routes(loader, system, rdf, pg)],
        close=close,
    )
