"""The entities of a lake's notes: found where a text or the extractor is new, kept where neither is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from brume.lake import ingestion, part_rewrites
from brume.lake.lake import Part, Snapshot
from brume.records.model.entity import Concept, Entity, Extractor, Trait
from brume.records.model.lake import Lake
from brume.records.model.notes.stored import notes_by_id, read_notes
from brume.records.model.tables import TABLES
from brume.run import progress
from brume.run.pool import share_out

STAGE = "entities"
_TABLE = "entities"
_NOTES_OF_PIECE = 500
# A note costs as much work as this many bytes of what `share_out` weighs: a millisecond or several.
_WEIGHT = 20


@dataclass
class Summary:
    """What was done: notes that were read, notes whose entities stood, and entities of all of them."""

    read: int = 0
    unchanged: int = 0
    entities: int = 0


def find(lake: Lake, make: Callable[[], Extractor], *, processes: int | None = None) -> Summary:
    """Bring the table `entities` to what an extractor finds in the notes of a lake.

    `make` returns the extractor; it is called in each process that reads, and has to be one that pickle
    takes. Raises `LakeError` and what the extractor raises; the lake is then as it was.
    """
    extractor = make()
    marked = f"{extractor.name}\0{extractor.version}"

    def attempt(snapshot: Snapshot) -> Summary:
        return _find(lake, snapshot, make, marked, processes)

    return ingestion.until_committed(lake, attempt, STAGE)


def read_entities(text: str) -> tuple[Entity, ...]:
    """Return the entities of a row of the table `entities`, of its JSON."""
    return tuple(_entity(value) for value in orjson.loads(text))


def _find(
    lake: Lake, snapshot: Snapshot, make: Callable[[], Extractor], marked: str, processes: int | None
) -> Summary:
    known = lake.table(_TABLE, snapshot, columns=["note", "digest"]).to_pylist()
    digests = {row["note"]: row["digest"] for row in known}
    wanted: list[str] = []
    kept: set[str] = set()
    size = 0
    for note in read_notes(lake, snapshot):
        if digests.get(note.id) == _digest(marked, note.text):
            kept.add(note.id)
        else:
            wanted.append(note.id)
            size += len(note.text)
    gone = sorted(digests.keys() - kept)
    state = snapshot
    if wanted or gone:
        written: list[Part] = []
        try:
            _read_pieces(lake, snapshot, make, marked, wanted, size, processes, written)
            state = _commit(lake, snapshot, gone, written)
        except BaseException:
            lake.discard(written)
            raise
    counts = lake.table(_TABLE, state, columns=["entities"])["entities"].to_pylist()
    return Summary(len(wanted), len(kept), sum(counts))


def _read_pieces(
    lake: Lake,
    snapshot: Snapshot,
    make: Callable[[], Extractor],
    marked: str,
    wanted: Sequence[str],
    size: int,
    processes: int | None,
    written: list[Part],
) -> None:
    starts = range(0, len(wanted), _NOTES_OF_PIECE)
    pieces = [(lake, snapshot, make, marked, wanted[at : at + _NOTES_OF_PIECE]) for at in starts]
    done = 0
    for part in share_out(_read, pieces, size * _WEIGHT, processes):
        written.append(part)
        done += part.rows
        progress.report(STAGE, done, len(wanted), "notes")


def _read(
    lake: Lake, snapshot: Snapshot, make: Callable[[], Extractor], marked: str, ids: Sequence[str]
) -> Part:
    """Find the entities of some notes, in one process; returns the part that has them."""
    extractor = make()
    rows = []
    for note in notes_by_id(lake, ids, snapshot):
        found = extractor.extract(note)
        rows.append(
            {
                "note": note.id,
                "digest": _digest(marked, note.text),
                "entities": len(found),
                "json": orjson.dumps(found).decode(),
            }
        )
    return lake.write(_TABLE, pa.Table.from_pylist(rows, schema=TABLES[_TABLE].schema))


def _commit(lake: Lake, snapshot: Snapshot, gone: Sequence[str], written: list[Part]) -> Snapshot:
    """Add what was written, take back the rows of notes that are gone or other, and merge small parts."""
    old = snapshot.parts(_TABLE)
    parts = [*written] if gone else [*old, *written]
    if gone:
        sql = "SELECT * FROM entities ANTI JOIN (SELECT unnest($gone) AS note) gone USING (note)"
        with lake.connect(snapshot) as connection:
            rows = connection.sql(sql, params={"gone": list(gone)}).to_arrow_reader()
            written.append(lake.write(_TABLE, rows))
        parts.append(written[-1])
    merged, small = part_rewrites.merge(lake, parts)
    written += merged
    removed = {*small, *(old if gone else ())}
    tables = ("notes", _TABLE)
    return ingestion.commit(lake, snapshot, tables, written=written, removed=removed, replaced=())


def _digest(marked: str, text: str) -> str:
    return hashlib.sha256(f"{marked}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _entity(value: Mapping[str, Any]) -> Entity:
    return Entity(
        **{
            **value,
            "traits": tuple((Trait(name), float(score)) for name, score in value["traits"]),
            "concepts": tuple(Concept(**one) for one in value["concepts"]),
            "attributes": tuple(_entity(one) for one in value["attributes"]),
        }
    )
