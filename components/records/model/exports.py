"""Notes and resources of a lake in the files that search servers and FHIR servers take in bulk.

The files outgrow one machine as their servers do: OpenSearch's `_bulk` takes notes as NDJSON of actions and
documents (opensearch.org, "Bulk API"), FHIR's `$import` a list of NDJSON files (HAPI FHIR, "Bulk import").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from brume import storage
from brume.records.model.entities import read_entities
from brume.records.model.entity import Entity
from brume.records.model.lake import Lake
from brume.records.model.nlp.annotating import annotated
from brume.records.model.resource_files import ResourceFiles
from brume.records.model.resources import Resource, Resources

INDEX = "records"
"""The index of OpenSearch that the documents name."""
SERVED = "http://127.0.0.1:8000"
"""Where `import.json` says that the files are served: `python -m http.server` in their folder does it."""
_BYTES = 8 << 20  # of one request of `_bulk`
_AT_ONCE = 500
_NOTES = """
SELECT notes.* EXCLUDE (file, line), entities.json
FROM notes LEFT JOIN entities ON entities.note = notes.id ORDER BY notes.id
"""
_DOCUMENT = "DocumentReference"
_KEYWORD, _TEXT, _NUMBER = {"type": "keyword"}, {"type": "text"}, {"type": "integer"}
_MAPPING = {
    "mappings": {
        "dynamic": "strict",
        "properties": {
            "text": _TEXT,
            "title": _TEXT,
            **dict.fromkeys(("patient", "kind", "status", "author", "encounter"), _KEYWORD),
            "date": {"type": "date", "format": "strict_date_optional_time||yyyy-MM||yyyy"},
            "entities": {
                "type": "nested",
                "properties": {
                    **dict.fromkeys(("text", "category", "type", "system", "code", "traits"), _KEYWORD),
                    "display": _TEXT,
                    "score": {"type": "float"},
                    "begin": _NUMBER,
                    "end": _NUMBER,
                },
            },
        },
    }
}
# Types that others refer to come first, where a server checks references.
_FIRST = ("Organization", "Location", "Practitioner", "PractitionerRole", "Patient", "Encounter")


def opensearch(lake: Lake, folder: Path, min_score: float) -> int:
    """Write `mapping.json` and `bulk-NUMBER.ndjson`, each one request of `_bulk`; returns how many notes.

    A note has those of its entities that have `min_score`; offsets count code points.
    """
    folder.mkdir(parents=True, exist_ok=True)
    storage.write_bytes(str(folder / "mapping.json"), orjson.dumps(_MAPPING, option=orjson.OPT_INDENT_2))
    count, files, size, lines = 0, 0, 0, list[bytes]()
    with lake.connect() as connection:
        for batch in connection.sql(_NOTES).to_arrow_reader(_AT_ONCE):
            for row in batch.to_pylist():
                action = {"index": {"_index": INDEX, "_id": row["id"]}}
                pair = orjson.dumps(action) + b"\n" + orjson.dumps(_document(row, min_score)) + b"\n"
                if lines and size + len(pair) > _BYTES:
                    storage.write_bytes(str(folder / f"bulk-{files:05d}.ndjson"), b"".join(lines))
                    files, size, lines = files + 1, 0, []
                lines.append(pair)
                size += len(pair)
                count += 1
    if lines:
        storage.write_bytes(str(folder / f"bulk-{files:05d}.ndjson"), b"".join(lines))
    return count


def _document(row: Mapping[str, Any], min_score: float) -> dict[str, Any]:
    names = ("text", "title", "patient", "kind", "status", "author", "encounter", "date")
    found = read_entities(row["json"]) if row["json"] else ()
    entities = [_entity(one) for one in found if one.score >= min_score]
    return {**{name: row[name] for name in names if row[name]}, "entities": entities}


def _entity(one: Entity) -> dict[str, Any]:
    made: dict[str, Any] = {
        name: getattr(one, name) for name in ("begin", "end", "text", "category", "type", "score")
    }
    made["traits"] = [str(name) for name, _ in one.traits]
    if one.concepts:
        best = one.concepts[0]
        made |= {"system": best.system, "code": best.code, "display": best.display}
    return made


def fhir(lake: Lake, folder: Path, version: str, min_score: float, *, present: bool) -> int:
    """Write the resources that hold, with what was found, and `import.json`; returns how many there are.

    `version`, `min_score` and `present` are those of `brume.records.model.generated.write`. References by
    identifier are written as TYPE/ID, which an import needs, where the lake has what they name.
    `import.json` is the body of `$import`; its addresses begin with SERVED.
    """
    with ResourceFiles(folder) as files, Resources(lake) as resources:
        found = iter(()) if present else annotated(lake, version, min_score)
        following = next(found, None)
        for resource in resources.of():
            value = _literal(resource.value, resource, resources)
            # Documents come in the same order from both.
            if (
                following is not None
                and resource.type == _DOCUMENT
                and resource.id == following.document["id"]
            ):
                value = {**value, "extension": following.document["extension"]}
                for made in following.made:
                    files.add(made)
                following = next(found, None)
            files.add(value)
    storage.write_bytes(
        str(folder / "import.json"), orjson.dumps(_import(files.names), option=orjson.OPT_INDENT_2)
    )
    return sum(files.counts.values())


def _literal(value: Any, of: Resource, resources: Resources) -> Any:
    """Return a value with its references by identifier as TYPE/ID, where one resource is meant."""
    if isinstance(value, list):
        return [_literal(one, of, resources) for one in value]
    if not isinstance(value, Mapping):
        return value
    made = {name: _literal(one, of, resources) for name, one in value.items()}
    reference = made.get("reference")
    if isinstance(reference, str) and ("?" in reference or reference.startswith("urn:")):
        made["reference"] = resources.resolve(value, of) or reference
    return made


def _import(names: Sequence[str]) -> dict[str, Any]:
    def rank(name: str) -> tuple[int, str]:
        kind = name.rpartition("-")[0]
        return (_FIRST.index(kind) if kind in _FIRST else len(_FIRST), name)

    listed = [
        {
            "name": "input",
            "part": [
                {"name": "type", "valueCode": name.rpartition("-")[0]},
                {"name": "url", "valueUri": f"{SERVED}/{name}"},
            ],
        }
        for name in sorted(names, key=rank)
    ]
    about = [
        {"name": "inputFormat", "valueCode": "application/fhir+ndjson"},
        {"name": "inputSource", "valueUri": f"{SERVED}/"},
        {"name": "storageDetail", "part": [{"name": "type", "valueCode": "https"}]},
    ]
    return {"resourceType": "Parameters", "parameter": [*about, *listed]}
