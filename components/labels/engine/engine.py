"""Labelling reports: the API of Amazon Athena over the labelling lake, run by DuckDB.

BRUME_LAKE names the lake: a local folder or an s3:// prefix. State lies in a database (SQLite in the data
folder, PostgreSQL by URL), results in the data folder and, where a query names one, at its output location.
Queries only read, see the lake's tables alone, and run in processes of their own.
"""

from __future__ import annotations

import os
from typing import Any

from prometheus_client import CollectorRegistry

from brume import storage, variables
from brume.aws.addresses import AddressError
from brume.aws.engine.catalog import EngineError, Settings
from brume.aws.engine.service import Call, Engine
from brume.aws.engine.store import Store, StoreError
from brume.labels.engine import tables
from brume.labels.engine.catalog import Catalog
from brume.labels.engine.executions import Executions, close_interrupted
from brume.labels.engine.lake_source import Source
from brume.labels.engine.limits import Limits
from brume.labels.engine.result_locations import Outputs
from brume.labels.engine.runner import Runner
from brume.aws.engine.sandbox import Sandbox
from brume.labels.engine.saved_queries import NamedQueries, PreparedStatements
from brume.labels.engine.workgroups import Workgroups

PORT = 8402
SERVICES = ("athena",)
LAKE = variables.names(Limits)["lake"]
SETTINGS = Limits

_Members = dict[str, Any]


class Athena:
    """The operations of version 2017-05-18 that queries need, each named as in boto3."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        """Open state and lake. Raises `StoreError`, `AddressError`, and `EngineError` without a lake."""
        lake = os.environ.get(LAKE, "")
        if not lake:
            raise EngineError(
                f"{LAKE} must name the lake that queries read: a folder that `brume run labels` wrote "
                "(out/labels/lake), or its s3:// prefix"
            )
        if not storage.is_remote(lake) and os.path.isfile(lake):  # noqa: PTH113 - a word of the user's
            raise EngineError(f"{LAKE}={lake} is a file: name the folder of the lake")
        limits = Limits.from_environment()
        self.source = Source(lake, settings.data.absolute() / "parts", limits.cache)
        outputs = Outputs(settings.folders, self.source.lake.uri, settings.data)
        self.store = Store(settings.database, settings.data, tables.SCHEMA)
        self._sandbox = Sandbox()
        self._catalog = Catalog(self.source, self._sandbox, limits)
        close_interrupted(self.store)
        self._runner = Runner(
            self.store,
            self.source,
            self._catalog,
            outputs,
            self._sandbox,
            limits,
            settings.data.absolute(),
            registry,
        )
        self._executions = Executions(self.store, self._catalog, outputs, self._sandbox, self._runner, limits)
        self._workgroups = Workgroups(self.store, outputs)
        self._named = NamedQueries(self.store)
        self._prepared = PreparedStatements(self.store)

    def close(self) -> None:
        """End every query and let go of the state."""
        self._runner.close()
        self._sandbox.close()
        self.store.close()

    def start_query_execution(self, request: _Members, call: Call) -> _Members:
        """Start a query."""
        return self._executions.start(request, call)

    def get_query_execution(self, request: _Members, call: Call) -> _Members:
        """Tell about an execution."""
        return self._executions.get(request, call)

    def batch_get_query_execution(self, request: _Members, call: Call) -> _Members:
        """Tell about several executions."""
        return self._executions.batch_get(request, call)

    def list_query_executions(self, request: _Members, call: Call) -> _Members:
        """List executions, the newest first."""
        return self._executions.list(request, call)

    def stop_query_execution(self, request: _Members, call: Call) -> _Members:
        """Cancel an execution."""
        return self._executions.stop(request, call)

    def get_query_results(self, request: _Members, call: Call) -> _Members:
        """Return a page of a result."""
        return self._executions.results(request, call)

    def get_query_runtime_statistics(self, request: _Members, call: Call) -> _Members:
        """Tell how long an execution took."""
        return self._executions.statistics(request, call)

    def create_work_group(self, request: _Members, call: Call) -> _Members:
        """Make a workgroup."""
        return self._workgroups.create(request, call)

    def get_work_group(self, request: _Members, call: Call) -> _Members:
        """Tell about a workgroup."""
        return self._workgroups.get(request, call)

    def list_work_groups(self, request: _Members, call: Call) -> _Members:
        """List the workgroups."""
        return self._workgroups.list(request, call)

    def update_work_group(self, request: _Members, call: Call) -> _Members:
        """Change a workgroup."""
        return self._workgroups.update(request, call)

    def delete_work_group(self, request: _Members, call: Call) -> _Members:
        """Delete a workgroup."""
        return self._workgroups.delete(request, call)

    def create_named_query(self, request: _Members, call: Call) -> _Members:
        """Keep a query."""
        return self._named.create(request, call)

    def get_named_query(self, request: _Members, call: Call) -> _Members:
        """Tell a named query."""
        return self._named.get(request, call)

    def batch_get_named_query(self, request: _Members, call: Call) -> _Members:
        """Tell several named queries."""
        return self._named.batch_get(request, call)

    def list_named_queries(self, request: _Members, call: Call) -> _Members:
        """List named queries."""
        return self._named.list(request, call)

    def update_named_query(self, request: _Members, call: Call) -> _Members:
        """Change a named query."""
        return self._named.update(request, call)

    def delete_named_query(self, request: _Members, call: Call) -> _Members:
        """Delete a named query."""
        return self._named.delete(request, call)

    def create_prepared_statement(self, request: _Members, call: Call) -> _Members:
        """Keep a statement whose values come later."""
        return self._prepared.create(request, call)

    def get_prepared_statement(self, request: _Members, call: Call) -> _Members:
        """Tell a prepared statement."""
        return self._prepared.get(request, call)

    def batch_get_prepared_statement(self, request: _Members, call: Call) -> _Members:
        """Tell several prepared statements."""
        return self._prepared.batch_get(request, call)

    def list_prepared_statements(self, request: _Members, call: Call) -> _Members:
        """List prepared statements."""
        return self._prepared.list(request, call)

    def update_prepared_statement(self, request: _Members, call: Call) -> _Members:
        """Change a prepared statement."""
        return self._prepared.update(request, call)

    def delete_prepared_statement(self, request: _Members, call: Call) -> _Members:
        """Delete a prepared statement."""
        return self._prepared.delete(request, call)

    def get_data_catalog(self, request: _Members, call: Call) -> _Members:
        """Tell about the catalog."""
        return self._catalog.get_catalog(request, call)

    def list_data_catalogs(self, request: _Members, call: Call) -> _Members:
        """List the catalogs."""
        return self._catalog.list_catalogs(request, call)

    def get_database(self, request: _Members, call: Call) -> _Members:
        """Tell about a database."""
        return self._catalog.get_database(request, call)

    def list_databases(self, request: _Members, call: Call) -> _Members:
        """List the databases."""
        return self._catalog.list_databases(request, call)

    def get_table_metadata(self, request: _Members, call: Call) -> _Members:
        """Tell about a table and its columns."""
        return self._catalog.get_table(request, call)

    def list_table_metadata(self, request: _Members, call: Call) -> _Members:
        """List the tables with their columns."""
        return self._catalog.list_tables(request, call)


def create(settings: Settings) -> Engine:
    """Return the engine. Raises `EngineError`."""
    registry = CollectorRegistry()
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        athena = Athena(settings, registry)
    except (StoreError, AddressError) as error:
        raise EngineError(str(error)) from error
    return Engine(
        services={"athena": athena},
        ready=athena.store.trouble,
        close=athena.close,
        registry=registry,
        hint=f"queries read {athena.source.lake.uri}",
        max_body=1 << 20,
    )
