"""The lake's tables in Apache Iceberg's format too, in any catalog that pyiceberg knows.

Each table has copies of the lake's Parquet parts, below LAKE/_brume/iceberg, under the same names: what has
to be added and taken out is the difference of the names, and one commit does both, so that a reader sees one
state or the next. Attributes that appear become new fields of the structs. Earlier states can be read for
five days, Iceberg's own measure, whatever the lake has removed meanwhile.
"""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from brume import storage
from brume.aws.client import client
from brume.labels.model import merged_schema
from brume.labels.model.lake import Lake
from brume.labels.model.schema import TABLES
from brume.lake.lake import Part, Snapshot

CATALOG = "brume"  # a SQL catalog keeps tables under its own name: readers give the same
NAMESPACE = "labels"  # not the original's database: a table of Glue's catalog is Iceberg's or Hive's
OWNER = "brume.lake"
STATE = "brume.lake-state"  # of a snapshot: the number of the lake's state that it shows
KEPT = datetime.timedelta(days=5)
_COPYING = 8  # files at once


class IcebergError(RuntimeError):
    """A catalog that cannot take the tables; the message gives the cause and the remedy."""


@dataclass
class Summary:
    """What was done: tables created and changed, parts added and taken out."""

    created: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0


def publish(lake: Lake, properties: Mapping[str, str] | None = None, namespace: str = NAMESPACE) -> Summary:
    """Bring the tables of a namespace to the present state of the lake; a second time changes nothing.

    `properties` are those of a pyiceberg catalog (`{"type": "glue"}`, `{"uri": "http://rest:8181"}`); without
    them the catalog is a SQLite file in the lake's own folder. Raises `IcebergError`.
    """
    from pyiceberg.exceptions import CommitFailedException, NamespaceAlreadyExistsError

    snapshot = lake.snapshot()
    done = Summary()
    with contextlib.closing(_catalog(lake, properties)) as catalog:
        with contextlib.suppress(NamespaceAlreadyExistsError):
            catalog.create_namespace(namespace)
        for name in TABLES:
            try:
                _publish(catalog, (namespace, name), lake, snapshot, done)
            except CommitFailedException as error:
                raise IcebergError(
                    f"another run changes {namespace}.{name} at this moment ({error}): publish again"
                ) from error
    return done


def _publish(
    catalog: Any, identifier: tuple[str, str], lake: Lake, snapshot: Snapshot, done: Summary
) -> None:
    from pyiceberg.exceptions import NoSuchTableError

    schema = merged_schema.whole_schema(lake, snapshot, identifier[1])
    try:
        table = catalog.load_table(identifier)
    except NoSuchTableError:
        table = _create(catalog, identifier, schema, lake)
        done.created += 1
    if table.properties.get(OWNER) != lake.uri:
        raise IcebergError(
            f"the catalog has a table {'.'.join(identifier)} that is not of {lake.uri}: remove it, or "
            "publish to another namespace"
        )
    _bring(table, schema, lake, snapshot, done)
    _forget(table, lake)


def _catalog(lake: Lake, properties: Mapping[str, str] | None) -> Any:
    from pyiceberg.catalog import load_catalog

    if not properties:
        if storage.is_remote(lake.uri):
            raise IcebergError(
                f"the tables of a lake in S3 ({lake.uri}) need a catalog: name one, such as type=glue"
            )
        folder = Path(lake.uri, "_brume", "iceberg")
        folder.mkdir(parents=True, exist_ok=True)
        properties = {"type": "sql", "uri": f"sqlite:///{folder / 'catalog.db'}"}
    place = {"warehouse": _address(storage.join(lake.uri, "_brume", "iceberg"))}
    if storage.is_remote(lake.uri):
        # pyiceberg does not follow AWS_ENDPOINT_URL_S3, and would look for the region at AWS.
        about = client("s3").meta
        place |= {"s3.endpoint": about.endpoint_url, "s3.region": about.region_name}
    return load_catalog(CATALOG, **place, **properties)


def _create(catalog: Any, identifier: tuple[str, str], schema: pa.Schema, lake: Lake) -> Any:
    name = identifier[1]
    with (
        catalog.create_table_transaction(
            identifier,
            schema,
            location=_address(storage.join(lake.uri, "_brume", "iceberg", name)),
            properties={
                OWNER: lake.uri,
                "comment": f"A row is {TABLES[name].row}",
                "write.metadata.delete-after-commit.enabled": "true",
            },
        ) as transaction,
        transaction.update_spec() as spec,
    ):
        for key in TABLES[name].partitions:
            spec.add_identity(key)
    return catalog.load_table(identifier)


def _bring(table: Any, schema: pa.Schema, lake: Lake, snapshot: Snapshot, done: Summary) -> None:
    """Make the table's files those of the lake's state, in one commit."""
    from pyiceberg.io.pyarrow import parquet_file_to_data_file
    from pyiceberg.table import TableProperties

    name = table.name()[-1]
    wanted = {_address(_copy_of(lake, part)): part for part in snapshot.parts(name)}
    there = {task.file.file_path: task.file for task in table.scan().plan_files()}
    added, removed = wanted.keys() - there.keys(), there.keys() - wanted.keys()
    if not added and not removed:
        return
    with ThreadPoolExecutor(_COPYING) as pool:
        parts = [wanted[path] for path in added]
        list(pool.map(lambda part: storage.upload(lake.fetch(part), _copy_of(lake, part)), parts))
    with table.transaction() as transaction:
        if table.name_mapping() is None:
            # The parts have names in place of Iceberg's numbers of fields.
            mapping = table.schema().name_mapping.model_dump_json()
            transaction.set_properties({TableProperties.DEFAULT_NAME_MAPPING: mapping})
        with transaction.update_schema() as update:
            update.union_by_name(schema)
        with transaction.update_snapshot({STATE: str(snapshot.number)}).overwrite() as change:
            for path in sorted(added):
                change.append_data_file(parquet_file_to_data_file(table.io, transaction.table_metadata, path))
            for path in removed:
                change.delete_data_file(there[path])
    done.changed += 1
    done.added += len(added)
    done.removed += len(removed)


def _forget(table: Any, lake: Lake) -> None:
    """Let go of states older than five days, and of the copies that none names any more."""
    before = datetime.datetime.now(datetime.UTC) - KEPT
    old = [one for one in table.snapshots() if one.timestamp_ms < before.timestamp() * 1000]
    if len(old) < 2:  # the present state may be old too
        return
    table.maintenance.expire_snapshots().older_than(before).commit()
    named = set(table.inspect.all_data_files()["file_path"].to_pylist())
    folder = storage.join(lake.uri, "_brume", "iceberg", table.name()[-1], "data")
    for entry in storage.list_files(folder):
        written = re.search(r"/([0-9a-f]+)-[0-9a-f]+\.parquet$", entry.uri)
        # What another run copies at this moment is younger.
        if written and int(written[1], 16) < before.timestamp() and _address(entry.uri) not in named:
            storage.remove(entry.uri)


def _copy_of(lake: Lake, part: Part) -> str:
    return storage.join(lake.uri, "_brume", "iceberg", part.table, "data", part.path.partition("/")[2])


def _address(uri: str) -> str:
    return uri if storage.is_remote(uri) else f"file://{uri}"
