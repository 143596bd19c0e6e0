"""The data catalog: one catalog, one database, and the lake's tables with their columns."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from brume.aws.engine.listing import list_items
from brume.aws.engine.sandbox import LostError, Sandbox
from brume.aws.engine.service import Call
from brume.labels.engine.errors import invalid, metadata
from brume.labels.engine.lake_source import Opened, Source, matching
from brume.labels.engine.settings import LabelsSettings
from brume.labels.model.schema import DATABASE, Table
from brume.lake.lake import Part
from brume.lake.parquet_files import LakeError
from brume.storage import StorageError

CATALOG = "AwsDataCatalog"
_SECONDS = 60

_Members = dict[str, Any]
_Columns = list[tuple[str, str]]  # names and Hive's types


class Catalog:
    """The operations on catalogs, databases and tables."""

    def __init__(self, source: Source, sandbox: Sandbox, limits: LabelsSettings) -> None:
        self._source = source
        self._sandbox = sandbox
        self._limits = limits
        self._lock = threading.Lock()
        self._known: dict[tuple[str, tuple[str, ...]], _Columns] = {}

    def get_data_catalog(self, request: _Members, call: Call) -> _Members:
        """Describe the catalog."""
        _require_catalog(request.get("Name"), invalid)
        return {"DataCatalog": {"Name": CATALOG, "Type": "GLUE", "Description": "The labelling lake."}}

    def list_data_catalogs(self, request: _Members, call: Call) -> _Members:
        """List the one catalog."""
        found = [{"CatalogName": CATALOG, "Type": "GLUE", "Status": "CREATE_COMPLETE"}]
        return list_items(found, request, call, key=lambda one: one["CatalogName"], describe=lambda one: one)

    def get_database(self, request: _Members, call: Call) -> _Members:
        """Describe the database."""
        _require(request)
        return {"Database": {"Name": DATABASE, "Description": "Labelling output and its quality."}}

    def list_databases(self, request: _Members, call: Call) -> _Members:
        """List the one database."""
        _require_catalog(request["CatalogName"], metadata)
        found = [{"Name": DATABASE, "Description": "Labelling output and its quality."}]
        return list_items(found, request, call, key=lambda one: one["Name"], describe=lambda one: one)

    def get_table_metadata(self, request: _Members, call: Call) -> _Members:
        """Describe a table."""
        _require(request)
        tables = self.tables()
        exact = {name.lower(): name for name in tables}.get(str(request["TableName"]).lower())
        if exact is None:
            raise metadata(
                f"EntityNotFoundException: Entity Not Found: there is no table {request['TableName']}"
            )
        return {"TableMetadata": self._described([exact], tables)[0]}

    def list_table_metadata(self, request: _Members, call: Call) -> _Members:
        """List the tables; Expression is a pattern for their names."""
        _require(request)
        tables = self.tables()
        names = matching(list(tables), str(request.get("Expression") or "").replace(".*", "*"))
        found = self._described(names, tables)
        return list_items(found, request, call, key=lambda one: str(one["Name"]), describe=lambda one: one)

    def tables(self) -> dict[str, tuple[Table, Sequence[Part]]]:
        """Return the tables of the lake's present state. Raises MetadataException."""
        try:
            return self._source.tables()
        except (LakeError, StorageError) as error:
            raise metadata(str(error)) from error

    def _described(
        self, names: Sequence[str], tables: dict[str, tuple[Table, Sequence[Part]]]
    ) -> list[_Members]:
        try:
            columns = self.columns(names)
        except (LostError, LakeError, StorageError, OSError) as error:
            raise metadata(f"the columns cannot be read: {error}") from error
        return [_table(name, tables[name][0], columns[name]) for name in names]

    def columns(self, names: Sequence[str]) -> dict[str, _Columns]:
        """Return the columns of tables with Hive's types; those of structs that grow are read from the files.

        Raises `LostError` when they cannot be read.
        """
        tables = self._source.tables()
        keys = {
            name: (name, tuple(part.path for part in tables[name][1])) for name in names if name in tables
        }
        with self._lock:
            missing = [name for name, key in keys.items() if key not in self._known]
        if missing:
            with self._source.opened(missing) as opened:
                request = job("describe", opened, self._limits, self._source.root, "")
                answer = self._sandbox.start(request).answer(_SECONDS)
            if "columns" not in answer:
                raise LostError(str(answer.get("failed")))
            with self._lock:
                for name in missing:
                    # Of a table, the columns of one state are enough.
                    self._known = {key: held for key, held in self._known.items() if key[0] != name}
                    self._known[keys[name]] = [(column, kind) for column, kind in answer["columns"][name]]
        with self._lock:
            return {name: self._known[key] for name, key in keys.items() if key in self._known}


def job(kind: str, opened: Opened, limits: LabelsSettings, root: str, text: str) -> _Members:
    """Return what a query's own process needs to know to read tables; without its place for results."""
    return {
        "job": kind,
        "text": text,
        "database": DATABASE,
        "views": [list(pair) for pair in opened.sources],
        "files": list(opened.files),
        "root": root,
        "scratch": "",
        "threads": limits.threads,
        "memory": limits.memory,
        "spill": limits.spill,
        "address_space": limits.address_space,
        "file_size": max(limits.result, limits.spill),
        "rows": limits.rows,
        "bytes": limits.result,
    }


def _table(name: str, spec: Table, columns: _Columns) -> _Members:
    kinds = dict(columns)
    partitions = [column for column in spec.partitions if column in kinds]
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Columns": [{"Name": column, "Type": kind} for column, kind in columns if column not in partitions],
        "PartitionKeys": [{"Name": column, "Type": kinds[column]} for column in partitions],
        "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE", "comment": spec.row},
    }


def _require(request: _Members) -> None:
    _require_catalog(request["CatalogName"], metadata)
    if str(request["DatabaseName"]).lower() != DATABASE:
        raise metadata(
            f"EntityNotFoundException: Database {request['DatabaseName']} not found: it is {DATABASE}"
        )


def _require_catalog(name: Any, error: Any) -> None:
    if str(name).lower() != CATALOG.lower():
        raise error(f"Catalog {name} was not found: the catalog is {CATALOG}")
