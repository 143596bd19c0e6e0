"""Tile probabilities from the served model: every record file through HTTP, each tile once.

One Parquet part is written per record file, under a folder named after the model. A run that was killed
takes over the parts that are whole and belong to the same record file, and writes the others.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from brume import storage
from brume.cluster.serving import predict
from brume.run import progress
from brume.slides.model import records
from brume.slides.model.scores import probability_columns

IN_FLIGHT = 4  # requests at a time: the server works on one while others are sent, read and decoded
_SOURCE = b"brume.source"  # the part's own record of what it was made from


class PredictionError(RuntimeError):
    """The record files, or what the model answered, cannot be used; the message names the file."""


@dataclass
class _Part:
    """One record file, and the rows that have come back for it so far."""

    source: storage.Entry
    target: str
    identity: bytes
    rows: list[dict[str, object]] = field(default_factory=list)


def schema(classes: Sequence[str]) -> pa.Schema:
    """Return the columns of tile scores: one row per tile, one probability column `p_CLASS` per class.

    `x`, `y` and `span` are level-0 pixels, `mpp` is that of the tile as stored (0 when unknown).
    """
    return pa.schema(
        [
            *((name, pa.string()) for name in ("slide", "patient", "label", "split")),
            *((name, pa.int64()) for name in ("x", "y", "span")),
            ("mpp", pa.float64()),
            *((name, pa.float32()) for name in probability_columns(classes)),
        ]
    )


def model_digest(model_uri: str) -> str:
    """Return a digest of a model's graph, weights and labels, which names its folder of predictions."""
    digest = hashlib.sha256()
    prefix = storage.join(model_uri, "")
    for entry in storage.list_files(model_uri):
        name = entry.uri.removeprefix(prefix)
        if name in ("saved_model.pb", "labels.json") or name.startswith("variables/"):
            digest.update(name.encode() + b"\0" + hashlib.sha256(storage.read_bytes(entry.uri)).digest())
    return digest.hexdigest()


def predict_shards(
    tiles_uri: str,
    url: str,
    model_name: str,
    classes: Sequence[str],
    out_uri: str,
    *,
    batch_size: int,
    digest: str,
    splits: Mapping[str, str],
) -> pa.Table:
    """Send every tile below `tiles_uri` to the served model and return all scores (see `schema`).

    Every `.tfrecord` file counts, at any depth. `classes` is the order in which the model answers, `splits`
    gives the split of a slide ("" for a slide that is not in it), `digest` names the model. Requests hold
    `batch_size` encoded images; a few are on their way at once. Raises `PredictionError` where there is no
    record file or the answer does not fit, and `records.RecordError` for a damaged file.
    """
    folder = storage.join(tiles_uri, "")
    sources = [entry for entry in storage.list_files(tiles_uri) if entry.uri.endswith(".tfrecord")]
    if not sources:
        raise PredictionError(f"no .tfrecord file below {tiles_uri}")
    home = storage.join(out_uri, digest[:16])
    parts = [
        _Part(
            source,
            storage.join(home, source.uri.removeprefix(folder) + ".parquet"),
            _identity(source, splits),
        )
        for source in sources
    ]
    wanted = schema(classes)
    tables = {part.target: _existing(part, wanted) for part in parts}
    meter = _Meter(sum(source.size for source in sources))
    for part in parts:
        if (table := tables[part.target]) is not None:
            meter.add(table.num_rows, part.source.size)

    def collect(part: _Part, tiles: Sequence[records.Tile], answer: Future[list[list[float]]] | None) -> None:
        if answer is None:  # the end of the part: all its batches went before
            tables[part.target] = _write(part, wanted)
            return
        part.rows += _rows(part, tiles, answer.result(), classes, splits)
        meter.add(len(tiles), sum(len(tile.image) for tile in tiles))

    pending: deque[tuple[_Part, Sequence[records.Tile], Future[list[list[float]]] | None]] = deque()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        try:
            for part in parts:
                if tables[part.target] is not None:
                    continue
                for tiles in _batches(part.source, batch_size):
                    images = [tile.image for tile in tiles]
                    pending.append((part, tiles, pool.submit(predict, url, model_name, images)))
                    if len(pending) > IN_FLIGHT:
                        collect(*pending.popleft())
                pending.append((part, [], None))
            while pending:
                collect(*pending.popleft())
        finally:
            pool.shutdown(cancel_futures=True)
    meter.end()
    return pa.concat_tables([tables[part.target] for part in parts])


def write_scores(tile_scores: pa.Table, uri: str) -> None:
    """Write tile scores as one Parquet file, whole or not at all."""
    storage.write_bytes(uri, _parquet(tile_scores))


def read_scores(uri: str) -> tuple[pa.Table, list[str]]:
    """Read tile scores; returns the table and the classes, in the order of its probability columns.

    Raises `PredictionError` when the file is not one of tile scores.
    """
    table = pq.read_table(io.BytesIO(storage.read_bytes(uri)))
    classes = [name.removeprefix("p_") for name in table.column_names if name.startswith("p_")]
    if not table.schema.equals(schema(classes)):
        raise PredictionError(f"{uri} holds no tile scores: its columns are {table.column_names}")
    return table, classes


class _Meter:
    """Reports tiles done. How many there will be is estimated from the share of bytes done."""

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._bytes = 0
        self._tiles = 0

    def add(self, tiles: int, size: int) -> None:
        self._tiles += tiles
        self._bytes += size
        if self._bytes:
            estimate = round(self._tiles * self._total_bytes / self._bytes)
            progress.report("prediction", self._tiles, max(estimate, self._tiles + 1), "tiles")

    def end(self) -> None:
        progress.report("prediction", self._tiles, self._tiles, "tiles")


def _batches(source: storage.Entry, size: int) -> Iterator[list[records.Tile]]:
    """Read the tiles of a record file, `size` at a time."""
    with storage.open_read(source.uri) as stream:
        tiles = (records.decode(record) for record in records.read(stream, source.uri))
        while batch := list(islice(tiles, size)):
            yield batch


def _rows(
    part: _Part,
    tiles: Sequence[records.Tile],
    answer: Sequence[Sequence[float]],
    classes: Sequence[str],
    splits: Mapping[str, str],
) -> list[dict[str, object]]:
    if len(answer) != len(tiles):
        raise PredictionError(
            f"{part.source.uri}: {len(answer)} predictions came back for {len(tiles)} tiles"
        )
    rows: list[dict[str, object]] = []
    for tile, probabilities in zip(tiles, answer, strict=True):
        if len(probabilities) != len(classes) or not all(map(math.isfinite, probabilities)):
            raise PredictionError(
                f"{part.source.uri}, slide {tile.slide}, tile at x={tile.x} y={tile.y}: the model answered "
                f"{list(probabilities)}, not one probability for each of {list(classes)}"
            )
        rows.append(
            {
                "slide": tile.slide,
                "patient": tile.patient,
                "label": tile.label,
                "split": splits.get(tile.slide, ""),
                "x": tile.x,
                "y": tile.y,
                "span": tile.span,
                "mpp": tile.mpp,
                **dict(zip(probability_columns(classes), probabilities, strict=True)),
            }
        )
    return rows


def _identity(source: storage.Entry, splits: Mapping[str, str]) -> bytes:
    """Return what a part must have been made from to be reused: this very file, with these splits."""
    split = hashlib.sha256(repr(sorted(splits.items())).encode()).hexdigest()
    return f"{source.size} {source.version} {split}".encode()


def _existing(part: _Part, wanted: pa.Schema) -> pa.Table | None:
    try:
        table = pq.read_table(io.BytesIO(storage.read_bytes(part.target)))
    except FileNotFoundError:
        return None
    metadata = table.schema.metadata or {}
    if metadata.get(_SOURCE) != part.identity or not table.schema.equals(wanted):
        return None
    return table.replace_schema_metadata(None)


def _write(part: _Part, wanted: pa.Schema) -> pa.Table:
    table = pa.Table.from_pylist(part.rows, schema=wanted)
    part.rows = []
    storage.write_bytes(part.target, _parquet(table.replace_schema_metadata({_SOURCE: part.identity})))
    return table


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
