"""Rewrite parts of a lake: drop rows of deleted files, merge small parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from brume.lake.lake import Lake, Part
from brume.lake.parquet_files import ROW_GROUP

MANY = 8  # small parts of one partition that are merged
SMALL_BYTES = 4 << 20
MERGED_BYTES = MANY * SMALL_BYTES  # of parts that are merged into one, which are held in memory


def take_back(
    lake: Lake, parts: Sequence[Part], gone: Mapping[tuple[str, ...], Set[str]]
) -> tuple[list[Part], list[Part]]:
    """Return (parts to add, parts to remove) so that no row of a gone file is left.

    `gone` names files by the partition that their rows are in. A part that holds rows of
    other files too is written anew without those of the gone ones.
    """
    add: list[Part] = []
    remove: list[Part] = []
    for part in parts:
        files = gone.get(part.partition)
        if not files:
            continue
        path = lake.fetch(part)
        held = pc.unique(pq.read_table(path, columns=["file"], partitioning=None)["file"])
        left = set(held.to_pylist()) - files
        if len(left) == len(held):
            continue
        remove.append(part)
        if left:
            add.append(lake.write(part.table, _filtered(path, pa.array(sorted(files))), part.partition))
    return add, remove


def merge(lake: Lake, parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """Return (parts to add, parts to remove) so that no partition has many small parts of a table."""
    small: dict[tuple[str, tuple[str, ...]], list[Part]] = defaultdict(list)
    for part in parts:
        if part.size < SMALL_BYTES:
            small[part.table, part.partition].append(part)
    add: list[Part] = []
    remove: list[Part] = []
    for (table, partition), every in small.items():
        for some in _groups(every):
            if len(some) >= MANY:
                tables = [pq.read_table(lake.fetch(part), partitioning=None) for part in some]
                merged = pa.concat_tables(tables, promote_options="permissive")
                add.append(lake.write(table, merged, partition))
                remove += some
    return add, remove


def _groups(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Yield parts in groups that are no larger than can be held in memory."""
    group: list[Part] = []
    size = 0
    for part in parts:
        if size + part.size > MERGED_BYTES:
            yield group
            group, size = [], 0
        group.append(part)
        size += part.size
    yield group


def _filtered(path: Path, files: pa.Array) -> pa.RecordBatchReader:
    source = pq.ParquetFile(path)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in source.iter_batches(batch_size=ROW_GROUP):
            yield batch.filter(pc.invert(pc.is_in(batch["file"], value_set=files)))

    return pa.RecordBatchReader.from_batches(source.schema_arrow, batches())
