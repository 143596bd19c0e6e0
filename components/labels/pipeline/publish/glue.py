"""The lake's tables in AWS Glue's data catalog, so that Athena itself answers the same SQL.

Parts that a commit took out stay in the lake for an hour, and a folder that Athena lists would show their
rows twice. So a partition is not its folder of Parquet: it is a folder below LAKE/_brume/symlinks with one
file that names exactly the parts of the lake's state, read by Hive's SymlinkTextInputFormat, as Delta Lake
serves Athena ("Presto, Trino, and Athena to Delta Lake integration using manifests", docs.delta.io).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from brume import storage
from brume.aws.client import client
from brume.labels.model import merged_schema
from brume.labels.model.lake import Lake
from brume.labels.model.schema import DATABASE, TABLES, Table, manifest_table
from brume.labels.pipeline import aws_errors
from brume.labels.pipeline.publish import hive_types
from brume.lake.lake import Part, Snapshot
from brume.lake.parquet_files import folder as folder_of

OWNER = "brume.lake"  # the parameter of a table that names its owner
_MADE_OF = "brume.made-of"  # of a table or partition: a digest of its parts and columns
_CREATED, _DELETED = 100, 25  # partitions in one request, as Glue limits them
_WRITING = 8  # files written at once
_FORMAT = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


class GlueError(RuntimeError):
    """A catalog that cannot be updated; the message gives the cause and the remedy."""


@dataclass
class Summary:
    """What was created, changed and removed; `left_out` are struct fields whose names Athena cannot read."""

    tables_created: int = 0
    tables_updated: int = 0
    tables_deleted: int = 0
    partitions_created: int = 0
    partitions_updated: int = 0
    partitions_deleted: int = 0
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class _Wanted:
    """A table as the catalog should have it: the lake's table, its columns, and its parts by partition."""

    name: str
    of: Table
    columns: Sequence[dict[str, str]]
    parts: Mapping[tuple[str, ...], Sequence[Part]]


def publish(lake: Lake, database: str = DATABASE) -> Summary:
    """Bring a database of Glue's catalog to the present state of the lake; a second time changes nothing.

    Every table that a lake can have is made, also without rows, and `output_manifest_<modality>` for each
    modality. A parameter of each table names its lake; others are never touched. Raises `GlueError`
    where the database has a table of the same name that is not this lake's, where the lake is not in S3, and
    where Glue refuses.
    """
    if not lake.uri.startswith("s3://"):
        raise GlueError(
            f"Athena reads tables in S3 alone, and the lake is {lake.uri}: use lake=s3://BUCKET/FOLDER"
        )
    try:
        return _Catalog(lake, database).publish(lake.snapshot())
    except (ClientError, BotoCoreError) as error:
        raise GlueError(
            f"publishing {lake.uri} to Glue's database {database}: {aws_errors.explain('glue', error)}"
        ) from error


class _Catalog:
    def __init__(self, lake: Lake, database: str) -> None:
        self._lake = lake
        self._database = database
        self._glue = client("glue")
        self._done = Summary()

    def publish(self, snapshot: Snapshot) -> Summary:
        left_out: set[str] = set()
        wanted = {table.name: table for table in _wanted(self._lake, snapshot, left_out)}
        there = self._tables()
        own = {name for name, table in there.items() if table["Parameters"].get(OWNER) == self._lake.uri}
        if foreign := sorted((wanted.keys() & there.keys()) - own):
            raise GlueError(
                f"Glue's database {self._database} has tables that are not of {self._lake.uri}: "
                f"{', '.join(foreign)}; remove them, or publish to another database"
            )
        for table in wanted.values():
            self._bring(table, there.get(table.name))
        for name in sorted(own - wanted.keys()):
            self._glue.delete_table(DatabaseName=self._database, Name=name)
            storage.remove(self._root(name))
            self._done.tables_deleted += 1
        self._done.left_out = sorted(left_out)
        return self._done

    def _tables(self) -> dict[str, dict[str, Any]]:
        """Return the tables that the database has, which is created where it is not there."""
        try:
            self._glue.get_database(Name=self._database)
        except self._glue.exceptions.EntityNotFoundException:
            about = {"Name": self._database, "Description": "Labelling reports"}
            self._glue.create_database(DatabaseInput=about)
        pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=self._database)
        tables = [table for page in pages for table in page["TableList"]]
        return {table["Name"]: {"Parameters": {}} | table for table in tables}

    def _bring(self, wanted: _Wanted, there: Mapping[str, Any] | None) -> None:
        """Create or update a table and its partitions; what points at parts is written first."""
        parts = () if wanted.of.partitions else wanted.parts.get((), ())
        made_of = _digest(wanted.columns, parts)
        if there is None or there["Parameters"].get(_MADE_OF) != made_of:
            if not wanted.of.partitions:
                self._point(wanted, ())
            ask = self._glue.create_table if there is None else self._glue.update_table
            ask(DatabaseName=self._database, TableInput=self._table(wanted, made_of))
            self._done.tables_created += there is None
            self._done.tables_updated += there is not None
        if wanted.of.partitions:
            self._bring_partitions(wanted)

    def _bring_partitions(self, wanted: _Wanted) -> None:
        table = {"DatabaseName": self._database, "TableName": wanted.name}
        pages = self._glue.get_paginator("get_partitions").paginate(**table, ExcludeColumnSchema=True)
        there = {
            tuple(partition["Values"]): partition.get("Parameters", {}).get(_MADE_OF)
            for page in pages
            for partition in page["Partitions"]
        }
        made_of = {values: _digest(wanted.columns, parts) for values, parts in wanted.parts.items()}
        new = [values for values in made_of if values not in there]
        changed = [values for values in made_of if values in there and there[values] != made_of[values]]
        gone = [values for values in there if values not in made_of]
        with ThreadPoolExecutor(_WRITING) as pool:
            list(pool.map(lambda values: self._point(wanted, values), [*new, *changed]))
        inputs = {values: self._partition(wanted, values, made_of[values]) for values in [*new, *changed]}
        for some in _in_lots(new, _CREATED):
            lot = [inputs[values] for values in some]
            _check(
                self._glue.batch_create_partition(**table, PartitionInputList=lot), "AlreadyExistsException"
            )
        for some in _in_lots(changed, _CREATED):
            entries = [{"PartitionValueList": list(one), "PartitionInput": inputs[one]} for one in some]
            _check(self._glue.batch_update_partition(**table, Entries=entries))
        for some in _in_lots(gone, _DELETED):
            lot = [{"Values": list(values)} for values in some]
            _check(
                self._glue.batch_delete_partition(**table, PartitionsToDelete=lot), "EntityNotFoundException"
            )
            for values in some:
                storage.remove(self._folder(wanted, values))
        self._done.partitions_created += len(new)
        self._done.partitions_updated += len(changed)
        self._done.partitions_deleted += len(gone)

    def _table(self, wanted: _Wanted, made_of: str) -> dict[str, Any]:
        return {
            "Name": wanted.name,
            "Description": f"A row is {wanted.of.row}",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", OWNER: self._lake.uri, _MADE_OF: made_of},
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in wanted.of.partitions],
            "StorageDescriptor": self._storage(wanted, ()),
        }

    def _partition(self, wanted: _Wanted, values: tuple[str, ...], made_of: str) -> dict[str, Any]:
        return {
            "Values": list(values),
            "Parameters": {_MADE_OF: made_of},
            "StorageDescriptor": self._storage(wanted, values),
        }

    def _storage(self, wanted: _Wanted, values: tuple[str, ...]) -> dict[str, Any]:
        folder = self._folder(wanted, values)
        return {"Columns": wanted.columns, "Location": folder + "/", **_FORMAT}

    def _folder(self, wanted: _Wanted, values: tuple[str, ...]) -> str:
        """Return where the file lies that names the parts of a table or partition."""
        below = folder_of(wanted.of, values).partition("/")[2] if values else ""
        return storage.join(self._root(wanted.name), below).rstrip("/")

    def _root(self, table: str) -> str:
        return storage.join(self._lake.uri, "_brume", "symlinks", table)

    def _point(self, wanted: _Wanted, values: tuple[str, ...]) -> None:
        """Write that file, as a whole."""
        lines = [storage.join(self._lake.uri, part.path) + "\n" for part in wanted.parts.get(values, ())]
        place = storage.join(self._folder(wanted, values), "manifest")
        storage.write_bytes(place, "".join(lines).encode())


def _wanted(lake: Lake, snapshot: Snapshot, left_out: set[str]) -> Iterator[_Wanted]:
    """Yield every table of the lake, and the manifests of each modality as tables of their own."""
    for name, spec in TABLES.items():
        schema = merged_schema.whole_schema(lake, snapshot, name)
        columns = hive_types.columns(
            [field for field in schema if field.name not in spec.partitions], left_out
        )
        parts = snapshot.parts(name)
        yield _Wanted(name, spec, columns, _by_partition(parts))
        if name == "output_manifest":
            views: dict[str, list[Part]] = {}
            for part in parts:
                views.setdefault(manifest_table(part.partition[0]), []).append(part)
            for view, some in views.items():
                yield _Wanted(view, spec, columns, _by_partition(some))


def _by_partition(parts: Iterable[Part]) -> dict[tuple[str, ...], list[Part]]:
    found: dict[tuple[str, ...], list[Part]] = {}
    for part in parts:
        found.setdefault(part.partition, []).append(part)
    return found


def _digest(columns: Sequence[Mapping[str, str]], parts: Sequence[Part]) -> str:
    content = json.dumps([columns, sorted(part.path for part in parts)])
    return hashlib.sha256(content.encode()).hexdigest()


def _in_lots(values: Sequence[tuple[str, ...]], size: int) -> Iterator[Sequence[tuple[str, ...]]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _check(answer: Mapping[str, Any], expected: str = "") -> None:
    """Raise `GlueError` for the first partition that was refused, but for what another run did first."""
    for error in answer.get("Errors", []):
        detail = error["ErrorDetail"]
        if detail["ErrorCode"] != expected:
            values = error.get("PartitionValues") or error.get("PartitionValueList")
            raise GlueError(
                f"Glue refused the partition {values}: {detail['ErrorCode']}: {detail['ErrorMessage']}"
            )
