"""The concepts of a lake: the codes that its resources name, with their displays, for search."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa

from brume.lake.lake import Snapshot
from brume.records.model.graph.resources import KINDS, concepts_of
from brume.records.model.graph.statements import MEDICATION
from brume.records.model.lake import Lake
from brume.records.model.resources import Resources
from brume.records.model.search.concepts import Term
from brume.records.model.tables import TABLES

_TABLE = "concepts"
# Where a resource has its code (hl7.org/fhir/R4).
_CODES = {
    **{name: "medicationCodeableConcept" if kind == MEDICATION else "code" for name, kind in KINDS.items()},
    "Medication": "code",
    "AllergyIntolerance": "code",
    "Immunization": "vaccineCode",
}


def keep_terms(lake: Lake) -> int:
    """Bring the table `concepts` to the codes of the resources that hold; returns how many there are."""
    snapshot = lake.snapshot()
    rows = _rows(lake, snapshot)
    if lake.table(_TABLE, snapshot).to_pylist() != rows:
        lake.replace([_TABLE], [lake.write(_TABLE, pa.Table.from_pylist(rows, TABLES[_TABLE].schema))])
    return len(rows)


def read_lake_terms(lake: Lake, snapshot: Snapshot | None = None) -> list[Term]:
    """Return the concepts that `keep_terms` kept, by system and code."""
    rows = lake.table(_TABLE, snapshot).to_pylist()
    return [Term(row["system"], row["code"], row["display"], tuple(row["names"])) for row in rows]


def _rows(lake: Lake, snapshot: Snapshot) -> list[dict[str, object]]:
    displays: dict[tuple[str, str], set[str]] = defaultdict(set)
    with Resources(lake, snapshot) as resources:
        for one in resources.of(*_CODES):
            for concept in concepts_of(one.value.get(_CODES[one.type])):
                if concept.display:
                    displays[concept.system, concept.code].add(concept.display)
    found: list[dict[str, object]] = []
    for (system, code), names in sorted(displays.items()):
        display, *others = sorted(names)
        found.append({"system": system, "code": code, "display": display, "names": others})
    return found
